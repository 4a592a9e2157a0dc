//! Whatever a user's file has become, it is read or refused: every reader of data over small files
//! and damaged forms of them.
//!
//! `FEDMPI_DAMAGES=15000 cargo test --release --test it damage -- --nocapture` does more of it.

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

/// A zip of one stored array `x`, and of `y` for eight rows, with sound checksums.
fn npz(x: Vec<u8>) -> Vec<u8> {
    let header = "{'descr': '|u1', 'fortran_order': False, 'shape': (8,), }";
    let y = [
        b"\x93NUMPY\x01\x00",
        &(header.len() as u16).to_le_bytes()[..],
        header.as_bytes(),
        &[0, 1, 0, 1, 1, 1, 0, 0],
    ];
    let (mut files, mut index) = (Vec::new(), Vec::new());
    for (name, content) in [("x.npy", x), ("y.npy", y.concat())] {
        let mut crc = Crc::new();
        crc.update(&content);
        let size = (content.len() as u32).to_le_bytes();
        // Version, flags, method, time and date; checksum, sizes, lengths of the name and of what
        // else is said.
        let facts = [
            &[20, 0, 0, 0, 0, 0, 0, 0, 0, 0][..],
            &crc.sum().to_le_bytes(),
            &size,
            &size,
            &[5, 0, 0, 0],
        ]
        .concat();
        index.extend(
            [
                b"PK\x01\x02\x14\x00",
                &facts[..],
                &[0; 10],
                &(files.len() as u32).to_le_bytes(),
                name.as_bytes(),
            ]
            .concat(),
        );
        files.extend([b"PK\x03\x04", &facts[..], name.as_bytes(), &content].concat());
    }
    let [length, place] = [index.len() as u32, files.len() as u32].map(u32::to_le_bytes);
    [
        &files[..],
        &index,
        b"PK\x05\x06\0\0\0\0\x02\0\x02\0",
        &length,
        &place,
        &[0, 0],
    ]
    .concat()
}

/// NumPy's array of eight rows of three doubles.
fn npy() -> Vec<u8> {
    let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (8, 3), }\n";
    let values: Vec<u8> = (0..24)
        .flat_map(|value| f64::from(value).to_le_bytes())
        .collect();
    [
        b"\x93NUMPY\x01\x00",
        &(header.len() as u16).to_le_bytes()[..],
        header.as_bytes(),
        &values,
    ]
    .concat()
}

fn gz(bytes: Vec<u8>) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(&bytes).expect("in memory");
    packer.finish().expect("in memory")
}

fn bz2(bytes: Vec<u8>) -> Vec<u8> {
    let mut packer = BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    packer.write_all(&bytes).expect("in memory");
    packer.finish().expect("in memory")
}

fn safetensors(tensors: &[(&str, Dtype, &[usize])]) -> Vec<u8> {
    let bytes = vec![1; 256];
    let views = tensors.iter().map(|&(name, kind, shape)| {
        let length = shape.iter().product::<usize>() * kind.size();
        (name, TensorView::new(kind, shape.to_vec(), &bytes[..length]).expect("so many"))
    });
    safetensors::serialize(views, &None).expect("sound")
}

/// Every data set of files on its small ones, and other forms that it may have.
fn sets() -> Vec<Case> {
    let made = tempfile::tempdir().expect("a folder");
    let of_table = DATASETS
        .iter()
        .map(|entry| entry.name)
        .filter(|name| *name != "synthetic");
    let mut cases: Vec<Case> = of_table
        .map(|name| Case::of_set(choice(name)).with_all(&small_files(made.path(), name)))
        .collect();
    let packed = Case::of_set("mnist").with_all(&small_files(made.path(), "mnist"));
    for path in below(packed.folder.path()) {
        fs::rename(&path, path.with_extension("gz")).expect("writable");
    }
    cases.push(packed.packed(gz));
    let [train, test] = ["a9a", "a9a.t"]
        .map(|name| fs::read(small_files(made.path(), "libsvm").join(name)).expect("readable"));
    cases.push(
        Case::of_set("libsvm")
            .with("a9a.bz2", &train)
            .with("a9a.t.bz2", &test)
            .packed(bz2),
    );
    cases.push(
        Case::of_set("libsvm")
            .with("a9a.bz2", &bz2(train))
            .with("a9a.t.bz2", &bz2(test)),
    );
    let arrays = [
        ("x", Dtype::F32, &[8, 3][..]),
        ("y", Dtype::U8, &[8]),
        ("users", Dtype::I32, &[8]),
    ];
    cases.push(Case::of_set("arrays").with("train.safetensors", &safetensors(&arrays)));
    cases.push(Case::of_set("arrays").with("train.npz", &npy()).packed(npz));
    let blob = |data: &str| {
        format!(
            r#"{{"users": ["b", "a"], "num_samples": [1, 2], "user_data": {data}, "user_data_label": {{"a": [1, 0], "b": [2.0]}}}}"#
        )
    };
    let shapes = [
        r#"{"a": {"x": [[1, 2], [3, 4]]}, "b": {"x": [[5, 6]]}}"#,
        r#"{"a": [[1, 2], [3, 4]], "b": [[5, 6]]}"#,
    ];
    for shape in shapes {
        let [train, test] = ["train_data.json", "test_data.json"];
        cases.push(
            Case::of_set("flute")
                .with(train, blob(shape).as_bytes())
                .with(test, blob(shape).as_bytes()),
        );
    }
    let own = |name: &str| small_files(made.path(), name);
    cases.push(Case::of_set("csv:label=y,missing=zero").with_all(&own("csv")));
    cases.push(Case::of_set("parquet:label=y,missing=zero").with_all(&own("parquet")));
    cases.push(Case::of_set("text:length=8").with_all(&own("text")));
    cases.push(Case::of_set("flute_text").with_all(&own("flute_text_hdf5")));
    let list = b"user,file,label\nu,train/cat/a.png,1\nv,train/dog/b.jpg,0\nu,test/cat/c.png,0\nv,test/dog/d.png,1\n";
    let listed = || {
        Case::of_set("images:side=4,test_share=0.5")
            .with_all(&own("images"))
            .with("list.csv", list)
    };
    let kept = listed();
    assert_eq!(kept.read(), Ok(()));
    cases.extend([listed(), kept.only(".safetensors")]);
    cases
}

/// Every other file of a user's.
fn others() -> Vec<Case> {
    fn said<T, E: ToString>(result: Result<T, E>) -> Result<(), String> {
        result.map(drop).map_err(|error| error.to_string())
    }
    let lists = b"[[0, 1, 2], [3, 4, 5]]";
    let delay = |kind: &'static str| {
        move |path: &Path| {
            said(Delay::make(&format!("{kind}:{}", path.display()).as_str().into(), 3))
        }
    };
    let selector = |kind: &'static str| {
        move |path: &Path| {
            let facts = select::Facts {
                clients: 6,
                wanted: 3,
            };
            let choice = format!("{kind}:{}", path.display()).as_str().into();
            said(List::of(&choice).and_then(|list| select::make(&choice, facts, list.as_ref())))
        }
    };
    let model = |model: String, from: Option<&Path>, facts: &Facts| {
        let trained = Trained {
            only: None,
            lora: None,
        };
        said(models::make(
            &model.as_str().into(),
            facts,
            Start {
                from,
                trained,
                device: Device::Cpu,
                seed: Seed(3),
            },
        ))
    };
    let split = |path: &Path| {
        let (entry, values) = partition::KIND
            .look_up(&format!("hetero-fix:{}", path.display()).as_str().into())
            .expect("sound settings");
        let pool = Pool {
            count: 6,
            labels: &[0, 1, 0, 1, 0, 1],
            classes: 2,
            owners: None,
        };
        said((entry.build)(&values, 2).split(&pool, &mut Seed(1).stream(Purpose::Attend)))
    };
    let tensors = safetensors(&[
        ("linear.weight", Dtype::F32, &[3, 6]),
        ("linear.bias", Dtype::F16, &[3]),
    ]);
    let module = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/module.pt"))
        .expect("readable");
    vec![
        Case::of_file("partition", "own.json", lists, |path| said(Partition::load(path, 6, 2))),
        Case::of_file(
            "hetero-fix",
            "net_dataidx_map.txt",
            b"{\n0: [\n0, 1, 2]\n1: [\n3, 4, 5]\n}\n",
            split,
        ),
        Case::of_file("delays by lines", "stale.txt", b"0.5\n1\n2e3\n", delay("file")),
        Case::of_file(
            "delays by client",
            "delays.json",
            b"{\"0\": 1.5, \"1\": 2, \"2\": 3}",
            delay("file"),
        ),
        Case::of_file(
            "trace of delays",
            "trace.csv",
            b"client,seconds\n0,1\n1,2.5\n2,3\n",
            delay("trace"),
        ),
        Case::of_file("cohorts", "cohorts.txt", b"0 1 2 # first\n3,4\n", selector("fixed")),
        Case::of_file(
            "availability",
            "there.csv",
            b"client,first,last\n0,1,9\n1,2,3\n",
            selector("availability"),
        ),
        Case::of_file("rates", "rates.txt", b"1\n0.5\n0.25\n", |path| {
            said(schedule::make(&format!("listed:{}", path.display()).as_str().into()))
        }),
        Case::of_file("--init_from", "start.safetensors", &tensors, move |path| {
            model("lr".to_owned(), Some(path), &Facts::classes(&[6], 3))
        }),
        Case::of_file("TorchScript", "module.pt", &module, move |path| {
            model(format!("script:{}", path.display()), None, &Facts::classes(&[1, 28, 28], 10))
        }),
    ]
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
