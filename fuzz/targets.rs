//! Everything that reads bytes from elsewhere, as functions of bytes: for cargo-fuzz and for the
//! smoke test without it (`tests/it/mutations.rs`). None may panic, hang or take much memory.

use fedmpi::config::Config;
use fedmpi::data::read_idx;
use fedmpi::hosts::{GpuMapping, HostFile};
use fedmpi::message::{Content, Frame, Order, Report};
use fedmpi::partition::Partition;
use fedmpi::record::checkpoint;
use flate2::read::GzDecoder;

/// Bytes are read, and thrown away.
pub type Target = fn(&[u8]);

/// Every target by name; its corpus is in `corpus/NAME`.
pub const TARGETS: &[(&str, Target)] = &[
    ("message", message),
    ("host_file", host_file),
    ("gpu_mapping", gpu_mapping),
    ("idx", idx),
    ("checkpoint", checkpoint),
    ("config", config),
    ("partition", partition),
];

/// Heads of frames, either way.
pub fn message(bytes: &[u8]) {
    let frame = Frame {
        head: bytes.to_vec(),
        content: Content::nothing(),
    };
    let _ = frame.decode::<Order>();
    let _ = frame.decode::<Report>();
}

/// Host files of both dialects.
pub fn host_file(bytes: &[u8]) {
    let _ = HostFile::parse(&String::from_utf8_lossy(bytes));
}

/// GPU mappings, as a file and in one line.
pub fn gpu_mapping(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let _ = GpuMapping::parse(&text, "mapping_default");
    let _ = GpuMapping::parse_line(&text);
}

/// IDX files, plain and packed.
pub fn idx(bytes: &[u8]) {
    for rank in [1, 3] {
        let _ = read_idx(bytes, rank);
        let _ = read_idx(GzDecoder::new(bytes), rank);
    }
}

/// Checkpoints.
pub fn checkpoint(bytes: &[u8]) {
    let _ = checkpoint::decode(bytes);
}

/// `--cf` files, FedML's and async-FL's too.
pub fn config(bytes: &[u8]) {
    let _ = Config::parse(&String::from_utf8_lossy(bytes));
}

/// Saved partitions.
pub fn partition(bytes: &[u8]) {
    let _ = Partition::parse(&String::from_utf8_lossy(bytes), 20, 2);
}
