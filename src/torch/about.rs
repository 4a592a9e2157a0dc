//! What libtorch says of itself.

/// Versions of libtorch and of the CUDA that it was built with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct About {
    /// As `2.11.0`; empty when it does not say.
    pub version: String,
    /// As `13.0`; none of a libtorch for CPUs.
    pub cuda: Option<String>,
}

impl About {
    /// Asks the libtorch of this process. That opens no GPU; but libtorch looks for its CUDA
    /// library when it is asked for the first time, and never again: where GPUs are used,
    /// [`gpus`](super::gpus) comes before.
    pub fn libtorch() -> About {
        About::parse(&fedmpi_torchscript::about_libtorch())
    }

    fn parse(text: &str) -> About {
        About {
            version: said(text, "TORCH_VERSION").unwrap_or_default(),
            cuda: said(text, "CUDA_VERSION"),
        }
    }
}

/// What a text says of a name.
fn said(text: &str, name: &str) -> Option<String> {
    let (_, rest) = text.split_once(&format!(" {name}="))?;
    let word = rest.split([',', '\n']).next()?;
    Some(word.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libtorch_tells_its_version() {
        let about = About::libtorch();
        assert!(about.version.starts_with("2."), "{about:?}");
        let text = "PyTorch built with:\n  - Build settings: BLAS=MKL, CUDA_VERSION=13.0, \
                    TORCH_VERSION=2.11.0, USE_X=1\n";
        assert_eq!(
            About::parse(text),
            About {
                version: "2.11.0".to_owned(),
                cuda: Some("13.0".to_owned())
            }
        );
        assert_eq!(About::parse(""), About::default());
    }
}
