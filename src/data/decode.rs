//! Picture files, PNG or JPEG, as planes of bytes.

use super::DataError;
use crate::files;
use image::imageops::FilterType;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageReader, Limits};
use std::io::Cursor;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread;

/// The most bytes that a decoder may ask for: nobody trains on larger pictures.
const MOST_BYTES: u64 = 1 << 30;

/// How a JPEG begins.
const JPEG: [u8; 2] = [0xff, 0xd8];

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

/// Reads pictures, on all cores that this process may use; their order stays. What is see-through
/// is seen on black.
///
/// # Errors
/// The first of them that cannot be read, is torn or damaged, too large, or neither PNG nor JPEG.
pub fn pictures(paths: &[PathBuf], form: Form) -> Result<Vec<Planes>, DataError> {
    on_all_cores(paths, |path| picture(path, form, false))
}

/// Reads pictures as [`pictures`] does, and turns them as their EXIF data says they were taken.
///
/// # Errors
/// As [`pictures`].
pub fn upright_pictures(paths: &[PathBuf], form: Form) -> Result<Vec<Planes>, DataError> {
    on_all_cores(paths, |path| picture(path, form, true))
}

fn on_all_cores(
    paths: &[PathBuf],
    read: impl Fn(&Path) -> Result<Planes, DataError> + Sync,
) -> Result<Vec<Planes>, DataError> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let read = &read;
    let parts: Result<Vec<_>, DataError> = thread::scope(|scope| {
        let shares = paths.chunks(paths.len().div_ceil(cores).max(1));
        let all = |share: &[PathBuf]| -> Result<Vec<Planes>, DataError> {
            share.iter().map(|path| read(path)).collect()
        };
        let readers: Vec<_> = shares
            .map(|share| scope.spawn(move || all(share)))
            .collect();
        readers
            .into_iter()
            .map(|reader| reader.join().unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    });
    Ok(parts?.into_iter().flatten().collect())
}

fn picture(path: &Path, form: Form, upright: bool) -> Result<Planes, DataError> {
    let bytes = files::bytes(path).map_err(DataError::unread(path))?;
    decoded(&bytes, form, upright).map_err(|reason| DataError::damaged(path, reason))
}

fn decoded(bytes: &[u8], form: Form, upright: bool) -> Result<Planes, String> {
    // The decoder makes grey of what is missing.
    if bytes.starts_with(&JPEG) && !has_end(bytes) {
        return Err("the JPEG is torn: it has no end".to_owned());
    }
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|error| error.to_string())?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(MOST_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|error| error.to_string())?;
    if decoder.total_bytes() > MOST_BYTES {
        return Err(format!("it has more than {MOST_BYTES} bytes of pixels"));
    }
    let turn = match upright {
        true => decoder.orientation().map_err(|error| error.to_string())?,
        false => Orientation::NoTransforms,
    };
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|error| error.to_string())?;
    picture.apply_orientation(turn);
    Ok(planes(scaled(on_black(picture), form.size), form.coloured))
}

/// Whether a JPEG has the marker of its end, after all its segments and scans. Those of thumbnails
/// lie within segments, and in scans `FF` has a zero behind it.
fn has_end(jpeg: &[u8]) -> bool {
    let is_marker = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0x00 | 0xff);
    let mut rest = &jpeg[JPEG.len()..];
    while let Some(at) = rest.windows(2).position(is_marker) {
        let marker = rest[at + 1];
        rest = &rest[at + 2..];
        match marker {
            0xd9 => return true,
            // These stand alone; all others say their length.
            0x01 | 0xd0..=0xd8 => {}
            _ => {
                let Some(&[high, low]) = rest.first_chunk() else { return false };
                let length = usize::from(u16::from_be_bytes([high, low]));
                rest = rest.get(length..).unwrap_or_default();
            }
        }
    }
    false
}

/// What is see-through lets black shine through.
fn on_black(picture: DynamicImage) -> DynamicImage {
    if !picture.color().has_alpha() {
        return picture;
    }
    let mut seen = picture.into_rgba8();
    for pixel in seen.pixels_mut() {
        let [red, green, blue, share] = pixel.0;
        pixel.0 = [
            shaded(red, share),
            shaded(green, share),
            shaded(blue, share),
            u8::MAX,
        ];
    }
    DynamicImage::ImageRgba8(seen)
}

/// A share, of 255, of a value.
fn shaded(value: u8, share: u8) -> u8 {
    ((u16::from(value) * u16::from(share) + 127) / 255) as u8
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
    use image::{ImageFormat, RgbImage, RgbaImage};

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
            true,
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
            true,
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

    const AS_IT_IS: Form = Form {
        coloured: true,
        size: None,
    };

    #[test]
    fn torn_and_other_files_are_refused() {
        let refused = |bytes: &[u8]| decoded(bytes, AS_IT_IS, true).expect_err("refused");
        let png = written(40, 40, ImageFormat::Png);
        refused(&png[..png.len() / 2]);
        refused(b"GIF89a");
        refused(b"");
        let jpeg = written(40, 40, ImageFormat::Jpeg);
        for end in [jpeg.len() / 2, jpeg.len() - 2] {
            assert!(refused(&jpeg[..end]).contains("the JPEG is torn"));
        }
        // Cameras write more behind the end.
        let longer = [&jpeg[..], b"more"].concat();
        assert_eq!(decoded(&longer, AS_IT_IS, true), decoded(&jpeg, AS_IT_IS, true));
    }

    #[test]
    fn what_is_see_through_is_seen_on_black() {
        let picture = RgbaImage::from_vec(2, 1, vec![255, 0, 9, 0, 200, 100, 50, 128]);
        let mut png = Cursor::new(Vec::new());
        let picture = picture.expect("eight bytes");
        picture
            .write_to(&mut png, ImageFormat::Png)
            .expect("in memory");
        let seen = decoded(png.get_ref(), AS_IT_IS, true).expect("sound");
        assert_eq!(seen.bytes, [0, 100, 0, 50, 0, 25]);
    }

    #[test]
    fn pictures_are_turned_as_they_were_taken_where_that_is_wanted() {
        let jpeg = written(9, 5, ImageFormat::Jpeg);
        // One entry: orientation 6, a quarter to the right.
        let exif = b"\xff\xe1\x00\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
        let taken = [&JPEG[..], exif, &jpeg[2..]].concat();
        let size = |upright| decoded(&taken, AS_IT_IS, upright).expect("sound").size;
        assert_eq!((size(true), size(false)), ([9, 5], [5, 9]));
    }
}
