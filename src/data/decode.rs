//! Picture files, PNG or JPEG, as planes of bytes.

use super::DataError;
use crate::files;
use image::imageops::FilterType;
use image::{DynamicImage, ImageReader, Limits};
use std::io::Cursor;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread;

/// The most bytes that a decoder may ask for: nobody trains on larger pictures.
const MOST_BYTES: u64 = 1 << 30;

/// What pictures become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// Three colours, or shades of grey.
    pub coloured: bool,
    /// Height and width to which they are scaled; as they are without it.
    pub size: Option<[usize; 2]>,
}

/// Planes of bytes, one colour after another.
#[derive(Clone, Debug, PartialEq)]
pub struct Planes {
    /// Height and width.
    pub size: [usize; 2],
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// Reads a picture. What is see-through is seen on black.
///
/// # Errors
/// A file that cannot be read, is damaged, too large, or neither PNG nor JPEG.
pub fn picture(path: &Path, form: Form) -> Result<Planes, DataError> {
    let bytes = files::bytes(path).map_err(DataError::unread(path))?;
    decoded(&bytes, form).map_err(|reason| DataError::damaged(path, reason))
}

/// Reads pictures, on all cores that this process may use; their order stays.
///
/// # Errors
/// The first of them that is no picture, as [`picture`].
pub fn pictures(paths: &[PathBuf], form: Form) -> Result<Vec<Planes>, DataError> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let parts: Result<Vec<_>, _> = thread::scope(|scope| {
        let shares = paths.chunks(paths.len().div_ceil(cores).max(1));
        let readers: Vec<_> = shares
            .map(|share| scope.spawn(move || one_by_one(share, form)))
            .collect();
        readers
            .into_iter()
            .map(|reader| reader.join().unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    });
    Ok(parts?.into_iter().flatten().collect())
}

fn one_by_one(paths: &[PathBuf], form: Form) -> Result<Vec<Planes>, DataError> {
    paths.iter().map(|path| picture(path, form)).collect()
}

fn decoded(bytes: &[u8], form: Form) -> Result<Planes, String> {
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|error| error.to_string())?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(MOST_BYTES);
    reader.limits(limits);
    let picture = reader.decode().map_err(|error| error.to_string())?;
    Ok(planes(scaled(picture, form.size), form.coloured))
}

fn scaled(picture: DynamicImage, size: Option<[usize; 2]>) -> DynamicImage {
    match size {
        Some([height, width])
            if [picture.height() as usize, picture.width() as usize] != [height, width] =>
        {
            picture.resize_exact(width as u32, height as u32, FilterType::Triangle)
        }
        _ => picture,
    }
}

fn planes(picture: DynamicImage, coloured: bool) -> Planes {
    let size = [picture.height() as usize, picture.width() as usize];
    let bytes = match coloured {
        true => super::pictures::planes(&picture.into_rgb8(), 3),
        false => picture.into_luma8().into_raw(),
    };
    Planes { size, bytes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ImageFormat, RgbImage};

    fn written(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        let picture = RgbImage::from_fn(width, height, |x, y| image::Rgb([x as u8, y as u8, 7]));
        picture.write_to(&mut bytes, format).expect("in memory");
        bytes.into_inner()
    }

    #[test]
    fn pictures_become_planes_of_the_size_that_is_asked_for() {
        let png = written(2, 3, ImageFormat::Png);
        let found = decoded(
            &png,
            Form {
                coloured: true,
                size: None,
            },
        )
        .expect("sound");
        let bytes = vec![0, 1, 0, 1, 0, 1, 0, 0, 1, 1, 2, 2, 7, 7, 7, 7, 7, 7];
        assert_eq!(
            found,
            Planes {
                size: [3, 2],
                bytes
            }
        );
        let jpeg = written(9, 5, ImageFormat::Jpeg);
        let grey = decoded(
            &jpeg,
            Form {
                coloured: false,
                size: Some([4, 4]),
            },
        )
        .expect("sound");
        assert_eq!((grey.size, grey.bytes.len()), ([4, 4], 16));
    }

    #[test]
    fn many_pictures_keep_their_order_and_the_first_fault_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let paths: Vec<PathBuf> = (1..20)
            .map(|width| folder.path().join(format!("{width}.png")))
            .collect();
        for (width, path) in (1..).zip(&paths) {
            std::fs::write(path, written(width, 2, ImageFormat::Png)).expect("writable");
        }
        let form = Form {
            coloured: false,
            size: None,
        };
        let widths = pictures(&paths, form)
            .expect("sound")
            .into_iter()
            .map(|planes| planes.size[1]);
        assert!(widths.eq(1..20) && pictures(&[], form).expect("none").is_empty());
        [7, 12]
            .iter()
            .for_each(|&place| std::fs::write(&paths[place], "torn").expect("writable"));
        assert!(
            pictures(&paths, form)
                .expect_err("torn")
                .to_string()
                .contains("8.png")
        );
    }

    #[test]
    fn torn_and_other_files_are_refused() {
        let form = Form {
            coloured: true,
            size: None,
        };
        let png = written(40, 40, ImageFormat::Png);
        assert!(decoded(&png[..png.len() / 2], form).is_err());
        assert!(decoded(b"GIF89a", form).is_err() && decoded(b"", form).is_err());
    }
}
