//! NumPy's `.npz`: a zip of arrays, each with a header that says its kind and shape.

use super::array::{Array, Kind};
use crate::files;
use npyz::npz::NpzArchive;
use npyz::{DType, Endianness, NpyHeader, Order, TypeChar, TypeStr};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

/// No header of an array of numbers is longer.
const LONGEST_HEADER: usize = 4096;
/// Brackets in a header: a shape has one pair, and a parser must not be led deeper.
const MOST_BRACKETS: usize = 8;
/// What to do with a file that is not whole.
const AGAIN: &str = "(hint: write the file again)";
/// How much memory is asked for ahead of the first values.
const STEP: usize = 1 << 20;

/// The arrays of these names, as far as the file has them.
///
/// # Errors
/// What is wrong with the file, in words.
pub fn read(path: &Path, names: &[&str]) -> Result<BTreeMap<String, Array>, String> {
    let file = files::open(path).map_err(|error| error.to_string())?;
    let mut archive = NpzArchive::new(BufReader::new(file))
        .map_err(|error| format!("no whole zip: {error} {AGAIN}"))?;
    let found: Vec<String> = archive.array_names().map(str::to_owned).collect();
    let wanted = found
        .into_iter()
        .filter(|name| names.contains(&name.as_str()));
    wanted
        .map(|name| entry(&mut archive, &name).map(|array| (name, array)))
        .collect()
}

fn entry(archive: &mut NpzArchive<BufReader<File>>, name: &str) -> Result<Array, String> {
    let packed = archive
        .zip_archive()
        .by_name(&npyz::npz::file_name_from_array_name(name));
    let packed = packed.map_err(|error| format!("`{name}` cannot be unpacked: {error} {AGAIN}"))?;
    npy(packed).map_err(|reason| format!("`{name}`: {reason}"))
}

/// One array, from its header on.
fn npy(mut reader: impl Read) -> Result<Array, String> {
    let header = header(&mut reader)?;
    let kind = kind(&header.dtype())?;
    let fits = |&side: &u64| usize::try_from(side).ok();
    let shape: Option<Vec<usize>> = header.shape().iter().map(fits).collect();
    let shape = shape.ok_or(format!("it has an impossible shape {AGAIN}"))?;
    if header.order() == Order::Fortran && shape.len() > 1 {
        return Err(
            "it lies in Fortran's order (hint: write numpy.ascontiguousarray of it)".to_owned()
        );
    }
    let size = shape
        .iter()
        .copied()
        .try_fold(kind.size().unwrap_or(usize::MAX), usize::checked_mul);
    let size = size.ok_or(format!("it has an impossible shape {shape:?} {AGAIN}"))?;
    let cells = kind.decode(exactly(reader, size)?.into())?;
    Ok(Array { shape, cells })
}

/// The header, if it is one that a parser may be given.
fn header(reader: &mut impl Read) -> Result<NpyHeader, String> {
    let mut start = vec![0; 8];
    let torn = |error: std::io::Error| format!("torn header: {error} {AGAIN}");
    reader.read_exact(&mut start).map_err(torn)?;
    let wide = start[6] > 1;
    let mut length = vec![0; if wide { 4 } else { 2 }];
    reader.read_exact(&mut length).map_err(torn)?;
    let count = length
        .iter()
        .rev()
        .fold(0usize, |count, &byte| count << 8 | usize::from(byte));
    if !start.starts_with(b"\x93NUMPY") || count > LONGEST_HEADER {
        return Err(format!("it does not begin as an array of numbers does {AGAIN}"));
    }
    let mut text = vec![0; count];
    reader.read_exact(&mut text).map_err(torn)?;
    if text.iter().filter(|byte| b"([{".contains(byte)).count() > MOST_BRACKETS {
        return Err(format!("its header is none of a plain array {AGAIN}"));
    }
    let whole = [start, length, text].concat();
    NpyHeader::from_reader(&whole[..])
        .map_err(|error| format!("its header cannot be read: {error} {AGAIN}"))
}

/// So many bytes and no more. Memory grows only as they arrive, whatever the header says.
fn exactly(mut reader: impl Read, size: usize) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    while bytes.len() < size {
        let more = (size - bytes.len()).min(bytes.len().max(STEP));
        bytes.try_reserve_exact(more).map_err(|_| {
            format!(
                "there is no memory for its {size} bytes (hint: fewer rows, or a host with more)"
            )
        })?;
        let read = reader.by_ref().take(more as u64).read_to_end(&mut bytes);
        if read.map_err(|error| format!("damaged content: {error} {AGAIN}"))? == 0 {
            return Err(format!("torn: {} of {size} bytes {AGAIN}", bytes.len()));
        }
    }
    // Reading to the end also makes the zip check its checksum.
    match std::io::copy(&mut reader.take(1), &mut std::io::sink()) {
        Ok(0) => Ok(bytes),
        Ok(_) => Err(format!("more than the {size} bytes that its shape says {AGAIN}")),
        Err(error) => Err(format!("damaged content: {error} {AGAIN}")),
    }
}

fn kind(found: &DType) -> Result<Kind, String> {
    let DType::Plain(plain) = found else {
        return Err(
            "it is an array of records (hint: write each of its columns as an array)".to_owned()
        );
    };
    if plain.endianness() == Endianness::Big {
        return Err(format!(
            "it is big-endian, {plain} (hint: write it as the machine's own numbers)"
        ));
    }
    plain_kind(plain).ok_or_else(|| match plain.uses_pickled_array() {
        true => "it holds Python's objects (hint: write numbers of one kind, or words)".to_owned(),
        false => {
            format!("it is of kind {plain} (hint: write it as float32, int64, uint8 or words)")
        }
    })
}

fn plain_kind(plain: &TypeStr) -> Option<Kind> {
    let size = usize::try_from(plain.size_field()).ok()?;
    Some(match (plain.type_char(), size) {
        (TypeChar::Bool, 1) => Kind::Flag,
        (TypeChar::Int, 1) => Kind::I8,
        (TypeChar::Int, 2) => Kind::I16,
        (TypeChar::Int, 4) => Kind::I32,
        (TypeChar::Int, 8) => Kind::I64,
        (TypeChar::Uint, 1) => Kind::U8,
        (TypeChar::Uint, 2) => Kind::U16,
        (TypeChar::Uint, 4) => Kind::U32,
        (TypeChar::Uint, 8) => Kind::U64,
        (TypeChar::Float, 4) => Kind::F32,
        (TypeChar::Float, 8) => Kind::F64,
        (TypeChar::ByteStr, 1..) => Kind::Letters(size),
        (TypeChar::UnicodeStr, 1..) => Kind::Characters(size),
        _ => return None,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::data::own::array::Cells;

    /// An array as NumPy writes it.
    fn written(kind: &str, shape: &str, bytes: &[u8]) -> Vec<u8> {
        let text = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n");
        [
            b"\x93NUMPY\x01\x00",
            &(text.len() as u16).to_le_bytes()[..],
            text.as_bytes(),
            bytes,
        ]
        .concat()
    }

    /// A file with an `x` of two bytes and a `y` of two words.
    pub fn words() -> Vec<u8> {
        let mut archive = npyz::zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (name, kind, bytes) in [("x.npy", "|u1", b"12"), ("y.npy", "|S1", b"ab")] {
            archive
                .start_file(name, Default::default())
                .expect("in memory");
            let array = written(kind, "(2,)", bytes);
            std::io::Write::write_all(&mut archive, &array).expect("in memory");
        }
        archive.finish().expect("in memory").into_inner()
    }

    fn refused(kind: &str, shape: &str, bytes: &[u8]) -> String {
        npy(&written(kind, shape, bytes)[..]).expect_err("refused")
    }

    #[test]
    fn arrays_are_read_as_their_header_says() {
        let array = npy(&written("<i2", "(2, 1)", &[1, 0, 255, 255])[..]).expect("well-formed");
        assert_eq!(
            array,
            Array {
                shape: vec![2, 1],
                cells: Cells::Integers(vec![1, -1])
            }
        );
        let words = npy(&written("|S2", "(2,)", b"a\0bc")[..]).expect("well-formed");
        assert_eq!(words.texts(), ["a", "bc"]);
    }

    #[test]
    fn what_is_no_plain_array_is_refused_with_a_remedy() {
        assert!(refused(">i4", "(1,)", &[0; 4]).contains("big-endian"));
        assert!(refused("|O", "(1,)", &[0; 8]).contains("Python's objects"));
        assert!(refused("<f2", "(1,)", &[0; 2]).contains("write it as float32"));
        assert!(refused("<f4", "(2,)", &[0; 4]).contains("torn: 4 of 8 bytes"));
        assert!(refused("|u1", "(1,)", &[0; 2]).contains("more than the 1 bytes"));
        assert!(refused("<f8", "(4611686018427387904, 8)", &[]).contains("impossible shape"));
        assert!(refused("<f8", "(99999999999,)", &[]).contains("torn: 0 of"));
        let nested = format!("{}1{}", "(".repeat(1000), ")".repeat(1000));
        assert!(refused("<f8", &nested, &[]).contains("none of a plain array"));
        assert!(
            npy(&b"\x93NUMPY\x01\x00\xff"[..])
                .expect_err("refused")
                .contains("torn header")
        );
    }
}
