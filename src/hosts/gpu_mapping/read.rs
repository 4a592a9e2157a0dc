//! Mappings as users write them: a key of a YAML file, or one line.

use super::{GpuMapping, MappingError, highest};
use crate::hosts::name::HostName;
use crate::part::{suggest, yaml};
use serde_yaml::{Mapping, Value};

/// A host, and the number of processes on each of its GPUs.
type Counts = (HostName, Vec<usize>);

impl GpuMapping {
    /// Reads one key of a mapping file; `None` when the key is there but empty: train on CPU.
    ///
    /// # Errors
    /// What is not YAML or of another form, with the line; a key that is not there.
    pub fn parse(text: &str, key: &str) -> Result<Option<GpuMapping>, MappingError> {
        if let Some(line) = text.lines().position(has_tab) {
            return Err(MappingError::Tab { line: line + 1 });
        }
        // The colon of `host1:[1]` lacks its space in a widely copied sample.
        let text = text.replace(":[", ": [");
        let keys = match yaml(&text).map_err(MappingError::Form)? {
            Value::Mapping(keys) => keys,
            Value::Null => return Ok(None),
            _ => return Err(form("no mapping keys")),
        };
        match keys.get(key) {
            None => Err(MappingError::Key {
                key: key.to_owned(),
                hint: suggest(key, keys.keys().filter_map(Value::as_str)),
            }),
            Some(Value::Null) => Ok(None),
            Some(Value::Mapping(hosts)) => GpuMapping::of(read_hosts(hosts)?).map(Some),
            Some(_) => Err(form(format!("`{key}` holds no hosts"))),
        }
    }

    /// Reads the one-line form `host1:0,1,1,2;host2:3`.
    ///
    /// # Errors
    /// What is of another form.
    pub fn parse_line(line: &str) -> Result<GpuMapping, MappingError> {
        let shown = line.escape_debug();
        let fault = || form(format!("`{shown}` is not of the form `host1:0,1,1;host2:2`"));
        let mut hosts = Vec::new();
        for part in line.split(';').filter(|part| !part.trim().is_empty()) {
            let (host, counts) = part.rsplit_once(':').ok_or_else(fault)?;
            let name = named(host.trim())?;
            hosts.push((name, counts_in(counts).ok_or_else(fault)?));
        }
        GpuMapping::of(hosts)
    }

    /// The mapping in the one-line form.
    ///
    /// ```
    /// # use fedmpi::hosts::GpuMapping;
    /// let mapping = GpuMapping::parse_line("host1:0,1,1,0; host2:3")?;
    /// assert_eq!(mapping.line(), "host1:0,1,1;host2:3");
    /// # Ok::<(), fedmpi::hosts::MappingError>(())
    /// ```
    pub fn line(&self) -> String {
        let hosts = self.hosts.iter();
        let parts: Vec<String> = hosts
            .map(|(name, gpus)| format!("{name}:{}", counts_of(gpus)))
            .collect();
        parts.join(";")
    }
}

/// Of another form than it should be.
fn form(text: impl ToString) -> MappingError {
    MappingError::Form(text.to_string())
}

/// Whether there is a tab before a comment.
fn has_tab(line: &str) -> bool {
    line.split('#').next().unwrap_or_default().contains('\t')
}

fn read_hosts(hosts: &Mapping) -> Result<Vec<Counts>, MappingError> {
    hosts
        .iter()
        .map(|(host, counts)| read_host(host, counts))
        .collect()
}

fn read_host(host: &Value, counts: &Value) -> Result<Counts, MappingError> {
    let name = match host {
        Value::String(name) => named(name)?,
        Value::Number(number) => named(&number.to_string())?,
        _ => return Err(form("a host name is not a word")),
    };
    let Some(counts) = whole_numbers(counts) else {
        return Err(form(format!("host `{name}` needs a list of whole numbers from 0 up")));
    };
    Ok((name, counts))
}

fn whole_numbers(list: &Value) -> Option<Vec<usize>> {
    let numbers = list.as_sequence()?.iter();
    numbers
        .map(|count| Some(count.as_u64()? as usize))
        .collect()
}

/// `0,1,1`: so many processes on each GPU.
fn counts_in(text: &str) -> Option<Vec<usize>> {
    let words = text.split(',').map(str::trim);
    words.map(|count| count.parse().ok()).collect()
}

/// How often each GPU is named; at least one GPU is.
fn counts_of(gpus: &[usize]) -> String {
    let mut counts = vec![0; highest(gpus).max(1)];
    for gpu in gpus {
        counts[*gpu] += 1;
    }
    let words: Vec<String> = counts.iter().map(usize::to_string).collect();
    words.join(",")
}

fn named(text: &str) -> Result<HostName, MappingError> {
    HostName::parse(text).map_err(form)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mapping(text: &str) -> GpuMapping {
        GpuMapping::parse(text, "m")
            .expect("well-formed")
            .expect("not empty")
    }

    #[test]
    fn sloppy_and_broken_files_get_human_answers() {
        assert_eq!(GpuMapping::parse("m:\n\ta: [1]", "m"), Err(MappingError::Tab { line: 2 }));
        assert_eq!(GpuMapping::parse("m:\n", "m"), Ok(None));
        let key = GpuMapping::parse("mapping_default:\n  a: [1]", "mapping_defualt")
            .expect_err("key")
            .to_string();
        assert!(key.contains("did you mean `mapping_default`"), "{key}");
        let hosts: String = (0..400)
            .map(|host| format!("  h{host}: [4096]\n"))
            .collect();
        let many = GpuMapping::parse(&format!("m:\n{hosts}"), "m").expect_err("too many");
        assert!(many.to_string().contains("1638400 processes"), "{many}");
        for text in [
            "m: 3",
            "m:\n  -a: [1]",
            "m:\n  \"a\\e[2J\": [1]",
            "m:\n  a: 3",
            "m:\n  a: [-1]",
            "m:\n  a: [x]",
            "- 1",
            "m:\n  a: [1",
            "m:\n  a: [99999999999]",
        ] {
            assert!(matches!(GpuMapping::parse(text, "m"), Err(MappingError::Form(_))), "{text}");
        }
    }

    #[test]
    fn one_line_form_is_the_same_mapping() {
        assert_eq!(GpuMapping::parse_line("a:0,2;b:1"), Ok(mapping("m:\n  a: [0, 2]\n  b: [1]\n")));
        assert!(GpuMapping::parse_line("a=1").is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in "[a-z:\\[\\], \n0-9-]{0,60}") {
            let _ = GpuMapping::parse(&text, "m");
            let _ = GpuMapping::parse_line(&text);
        }
    }
}
