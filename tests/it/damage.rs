//! Whatever a user's file has become, it is read or refused: every reader of data over small files
//! and damaged forms of them.
//!
//! `FEDMPI_DAMAGES=15000 cargo test --release --test it damage -- --nocapture` does more of it.

mod forms;

use super::data::{choice, flaw, read, small_files};
use super::mutations::mutated;
use bzip2::write::BzEncoder;
use fedmpi::data::DATASETS;
use fedmpi::delay::Delay;
use fedmpi::models::{self, Start, Trained};
use fedmpi::partition::{self, Partition, Pool};
use fedmpi::seed::{Purpose, Seed};
use fedmpi::select::{self, List};
use fedmpi::task::Facts;
use fedmpi::train::schedule;
use flate2::write::GzEncoder;
use flate2::{Compression, Crc};
use forms::{others, sets};
use rand::Rng;
use safetensors::{Dtype, tensor::TensorView};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use tch::Device;
use tempfile::TempDir;

/// Damaged forms of the files of each reader.
const DAMAGES: usize = 300;
/// No reader may take longer.
const LIMIT: Duration = Duration::from_secs(5);
/// What all readers together may ask the system for, in KiB, beside libtorch.
const ADDRESSES: usize = 8 << 20;

/// Reads what lies in a folder.
type Read = Box<dyn Fn(&Path) -> Result<(), String>>;
/// Wraps what was damaged, so that its reader comes further than to a checksum.
type Pack = fn(Vec<u8>) -> Vec<u8>;

/// A reader, and small files that it takes.
struct Case {
    name: String,
    folder: TempDir,
    // What the names of files end in that are damaged.
    end: &'static str,
    pack: Pack,
    read: Read,
}

impl Case {
    /// Of one file.
    fn of_file(
        name: &str,
        file: &'static str,
        content: &[u8],
        read: impl Fn(&Path) -> Result<(), String> + 'static,
    ) -> Case {
        let case = Case::new(name, move |folder| read(&folder.join(file)));
        case.with(file, content)
    }

    /// Of a data set.
    fn of_set(choice: &str) -> Case {
        let chosen = choice.to_owned();
        Case::new(choice, move |folder| {
            let set = read(&chosen, folder, false)?;
            flaw(&set).map_or(Ok(()), |flaw| panic!("it was read, but {flaw}"))
        })
    }

    fn new(name: &str, read: impl Fn(&Path) -> Result<(), String> + 'static) -> Case {
        let folder = tempfile::tempdir().expect("a folder");
        Case {
            name: name.to_owned(),
            folder,
            end: "",
            pack: |bytes| bytes,
            read: Box::new(read),
        }
    }

    fn with(self, file: &str, content: &[u8]) -> Case {
        write(&self.folder.path().join(file), content);
        self
    }

    /// With copies of all files of a folder.
    fn with_all(self, folder: &Path) -> Case {
        for path in below(folder) {
            let inner = path.strip_prefix(folder).expect("below it");
            write(&self.folder.path().join(inner), &fs::read(&path).expect("readable"));
        }
        self
    }

    fn packed(self, pack: Pack) -> Case {
        Case { pack, ..self }
    }

    fn only(self, end: &'static str) -> Case {
        Case { end, ..self }
    }

    fn read(&self) -> Result<(), String> {
        (self.read)(self.folder.path())
    }

    /// Reads one damaged form after another; gives each fault, and the first form that shows it.
    fn faults(&self, number: usize, wanted: usize) -> BTreeMap<String, String> {
        let (mut faults, mut stream) =
            (BTreeMap::new(), Seed(number as u64).stream(Purpose::Attend));
        let mut paths = below(self.folder.path());
        paths.retain(|path| path.to_string_lossy().ends_with(self.end));
        let whole: Vec<_> = paths
            .into_iter()
            .map(|path| (path.clone(), fs::read(path).expect("readable")))
            .collect();
        let pack = |bytes: &[u8]| (self.pack)(bytes.to_vec());
        whole
            .iter()
            .for_each(|(path, bytes)| write(path, &pack(bytes)));
        if let Some(fault) = self.fault().or_else(|| self.read().err()) {
            return [(fault, format!("{} as it was", self.name))].into();
        }
        for form in 0..wanted {
            let (path, bytes) = &whole[form % whole.len()];
            let other = &whole[stream.random_range(0..whole.len())].1;
            write(path, &pack(&mutated(bytes, other, &mut stream)));
            if let Some(fault) = self.fault() {
                let form = format!("{}, form {form} of {}", self.name, path.display());
                faults.entry(fault).or_insert(form);
            }
            write(path, &pack(bytes));
        }
        faults
    }

    /// What is wrong with how it takes the files as they are now.
    fn fault(&self) -> Option<String> {
        let began = Instant::now();
        let Ok(read) = panic::catch_unwind(AssertUnwindSafe(|| self.read())) else {
            return Some(PANIC.lock().expect("one thread").clone());
        };
        let folder = self.folder.path().display().to_string();
        match read {
            _ if began.elapsed() > LIMIT => Some(format!("it takes {:?}", began.elapsed())),
            Err(error) if !error.contains(&folder) => Some(format!("no file is named: {error}")),
            _ => None,
        }
    }
}

/// What was said by the last panic.
static PANIC: Mutex<String> = Mutex::new(String::new());

fn write(path: &Path, content: &[u8]) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
    fs::write(path, content).expect("writable");
}

/// All files below a folder, in order.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .expect("readable")
        .map(|entry| entry.expect("readable").path())
        .collect();
    paths.sort();
    paths
        .into_iter()
        .flat_map(|path| {
            if path.is_dir() {
                below(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

#[test]
#[ignore = "the test below runs it in a process of its own, which has little memory"]
fn readers_over_damaged_files() {
    let wanted = std::env::var("FEDMPI_DAMAGES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(DAMAGES);
    let cases: Vec<Case> = sets().into_iter().chain(others()).collect();
    panic::set_hook(Box::new(|said| *PANIC.lock().expect("one thread") = said.to_string()));
    let mut faults = BTreeMap::new();
    for (number, case) in cases.iter().enumerate() {
        println!("{}: {wanted} damaged forms in {}", case.name, case.folder.path().display());
        let began = Instant::now();
        faults.extend(case.faults(number, wanted));
        println!("    {:.2} s", began.elapsed().as_secs_f64());
    }
    drop(panic::take_hook());
    let told: Vec<String> = faults
        .iter()
        .map(|(fault, form)| format!("{form}: {fault}"))
        .collect();
    assert!(told.is_empty(), "{}", told.join("\n"));
}

#[test]
fn damaged_files_are_read_or_refused_and_never_panic_hang_or_take_much_memory() {
    let limited = format!("ulimit -v {ADDRESSES}; exec \"$0\" \"$@\"");
    let own = std::env::current_exe().expect("this program");
    let mut command = Command::new("sh");
    command.args(["-c", &limited]).arg(own).args([
        "damage::readers_over_damaged_files",
        "--exact",
        "--ignored",
        "--nocapture",
    ]);
    let output = command.output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    assert!(
        output.status.success(),
        "{}:\n{said}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
}
