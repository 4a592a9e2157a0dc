//! Builders and verbs shared by the tests.

use fedmpi::config::Config;
use fedmpi::data::write_idx;
use fedmpi::engine::{EngineError, Outcome, run_local};
use fedmpi::event::{Event, RecordError, Recorder, State};
use fedmpi::ids::Rank;
use fedmpi::plan::Plan;
use fedmpi::record::Memory;
use fedmpi::torch::TorchTrainer;
use fedmpi::train::{Quadratic, TrainError, Trainer};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tch::Device;

/// The real MNIST where it lies beside the checkout, else a generated set of the same format.
pub fn mnist() -> PathBuf {
    let real = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/mnist");
    if real.join("train-images-idx3-ubyte.gz").exists() {
        real
    } else {
        generated_mnist()
    }
}

/// Ten classes told apart by where the bright square lies; written once per process.
pub fn generated_mnist() -> PathBuf {
    static FOLDER: std::sync::OnceLock<tempfile::TempDir> = std::sync::OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        for (part, count) in [("train", 6000u32), ("t10k", 1000)] {
            let labels: Vec<u8> = (0..count).map(|i| ((i * 7 + i / 10) % 10) as u8).collect();
            let images: Vec<u8> = labels
                .iter()
                .enumerate()
                .flat_map(|(i, &label)| image(i, label))
                .collect();
            let path = |name: &str| folder.path().join(format!("{part}-{name}-ubyte"));
            write_idx(&path("images-idx3"), &[count, 28, 28], &images).expect("writable");
            write_idx(&path("labels-idx1"), &[count], &labels).expect("writable");
        }
        folder
    });
    folder.path().to_owned()
}

fn image(index: usize, label: u8) -> [u8; 784] {
    let mut pixels = [0; 784];
    let (row, column) = (4 + 10 * (usize::from(label) / 5), 2 + 5 * (usize::from(label) % 5));
    for (offset, value) in
        (0..16).map(|i| ((row + i / 4) * 28 + column + i % 4, 128 + (index * 31 + i * 7) % 128))
    {
        pixels[offset] = value as u8;
    }
    pixels
}

/// 200 users with four rows of text each, in LEAF's form; written once per process.
pub fn generated_text() -> PathBuf {
    static FOLDER: std::sync::OnceLock<tempfile::TempDir> = std::sync::OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let letter = |place: usize| char::from(b'a' + (place * place % 26) as u8);
        let row = |start: usize| (start..start + 80).map(letter).collect::<String>();
        let rows = |user: usize| (0..4).map(move |i| 5 * user + i);
        let owned = |user: usize| {
            serde_json::json!({
                "x": rows(user).map(row).collect::<Vec<_>>(),
                "y": rows(user).map(|start| letter(start + 80)).collect::<Vec<_>>(),
            })
        };
        for part in ["train", "test"] {
            let users: Vec<String> = (0..200).map(|user| format!("user{user:03}")).collect();
            let data: serde_json::Map<_, _> =
                users.iter().enumerate().map(|(user, name)| (name.clone(), owned(user))).collect();
            let file = serde_json::json!({ "users": users, "num_samples": vec![4; 200], "user_data": data });
            fs::create_dir(folder.path().join(part)).expect("writable");
            fs::write(folder.path().join(part).join("all.json"), file.to_string()).expect("writable");
        }
        folder
    });
    folder.path().to_owned()
}

/// A small config over synthetic data.
pub fn small() -> Config {
    Config {
        client_num_in_total: 12,
        client_num_per_round: 5,
        comm_round: 3,
        ..Config::default()
    }
}

pub fn plan(config: Config) -> Plan {
    Plan::resolve(config).expect("a sound config")
}

/// Keeps all events, and what a checkpoint after every round or move would hold.
#[derive(Default)]
pub struct Saves {
    pub memory: Memory,
    pub states: Vec<(State, Vec<f32>)>,
}

impl Recorder for Saves {
    fn record(&mut self, event: &Event, weights: &[f32]) -> Result<(), RecordError> {
        if let Event::Saved(state) = event {
            self.states.push((state.clone(), weights.to_vec()));
        }
        self.memory.record(event, weights)
    }

    fn wants_state(&mut self) -> bool {
        true
    }
}

/// Trains in one process with libtorch.
pub fn train(plan: &Plan, workers: usize) -> (Outcome, Memory) {
    let own = plan.clone();
    run_with(plan, workers, move |_| {
        let trainer = TorchTrainer::new(&own, Device::Cpu)
            .map_err(|error| TrainError::Failed(error.to_string()))?;
        Ok(Box::new(trainer))
    })
    .expect("a sound run")
}

/// Runs the engine in one process over the closed-form trainer.
pub fn quadratic(plan: &Plan, workers: usize) -> (Outcome, Memory) {
    run_with(plan, workers, |_| Ok(Box::new(Quadratic::new(3, 0.5)))).expect("a sound run")
}

pub fn run_with(
    plan: &Plan,
    workers: usize,
    make: impl Fn(Rank) -> Result<Box<dyn Trainer>, TrainError> + Send + Sync + 'static,
) -> Result<(Outcome, Memory), EngineError> {
    let mut memory = Memory::default();
    let recorder: &mut dyn Recorder = &mut memory;
    let outcome = run_local(plan, workers, make, recorder, None)?;
    Ok((outcome, memory))
}

/// Open MPI refuses to run as root unless told twice.
pub const AS_ROOT: [(&str, &str); 2] = [
    ("OMPI_ALLOW_RUN_AS_ROOT", "1"),
    ("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"),
];

/// The real program on so many ranks of this machine.
pub struct Job {
    command: Command,
}

impl Job {
    /// `mpirun -np ranks fedmpi`.
    pub fn ranks(ranks: usize) -> Job {
        Job::launch(&["-np", &ranks.to_string()])
    }

    /// `fedmpi`, without a launcher.
    pub fn alone() -> Job {
        let command = Command::new(env!("CARGO_BIN_EXE_fedmpi"));
        Job { command }
    }

    /// `mpirun -np ranks EXAMPLE`, one of the programs in `examples/`.
    pub fn example(ranks: usize, name: &str) -> Job {
        let folder = Path::new(env!("CARGO_BIN_EXE_fedmpi"))
            .parent()
            .expect("a folder")
            .join("examples");
        Job::program(&["-np", &ranks.to_string()], &folder.join(name))
    }

    /// `mpirun ARGUMENTS fedmpi`.
    pub fn launch(arguments: &[&str]) -> Job {
        Job::program(arguments, Path::new(env!("CARGO_BIN_EXE_fedmpi")))
    }

    fn program(arguments: &[&str], program: &Path) -> Job {
        let mut command = Command::new("mpirun");
        if is_open_mpi() {
            command.arg("--oversubscribe");
        }
        command.args(arguments).arg(program);
        Job { command }
    }

    /// Adds flags, split at spaces.
    pub fn with(mut self, flags: &str) -> Job {
        self.command.args(flags.split_whitespace());
        self
    }

    /// Adds a flag with a path.
    pub fn path(mut self, flag: &str, path: &Path) -> Job {
        self.command.arg(flag).arg(path);
        self
    }

    /// Sets an environment variable on every rank.
    pub fn env(mut self, name: &str, value: &str) -> Job {
        self.command.env(name, value);
        self
    }

    /// Runs to the end; a job that hangs is killed and fails the test.
    pub fn run(self) -> Finished {
        Finished::of(self.limited().output().expect("mpirun starts"))
    }

    /// Starts without waiting, its output thrown away. What is signalled is `timeout`, which passes
    /// signals on.
    pub fn start(self) -> std::process::Child {
        let mut command = self.limited();
        command
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null());
        command.spawn().expect("mpirun starts")
    }

    fn limited(self) -> Command {
        let mut limited = Command::new("timeout");
        limited
            .args(["--kill-after=5", "120"])
            .arg(self.command.get_program())
            .args(self.command.get_args());
        limited.envs(
            self.command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
        limited.envs(AS_ROOT);
        limited
    }
}

pub fn is_open_mpi() -> bool {
    static VERSION: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    *VERSION.get_or_init(|| {
        let output = Command::new("mpirun")
            .arg("--version")
            .output()
            .expect("mpirun is installed");
        String::from_utf8_lossy(&output.stdout).contains("Open")
    })
}

/// What a program left behind.
pub struct Finished {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    pub fn of(output: Output) -> Finished {
        Finished {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Panics with everything that was printed unless the program succeeded.
    pub fn succeeded(self) -> Finished {
        assert_eq!(self.code, Some(0), "{}\n{}", self.stdout, self.stderr);
        self
    }

    /// The lines that are errors of ours: of a rank, or said once before there are ranks.
    pub fn errors(&self) -> Vec<&str> {
        self.stderr
            .lines()
            .filter(|line| line.contains(" error: rank ") || line.starts_with("error: "))
            .collect()
    }

    /// The word after the last `model ` on stdout.
    pub fn model_hash(&self) -> &str {
        let line = self
            .stdout
            .lines()
            .find(|line| line.starts_with("final "))
            .expect("a result line");
        line.rsplit("model ").next().expect("a hash")
    }
}

/// Whether a run has saved itself; a file that is still being written does not count.
pub fn has_checkpoint(folder: &Path) -> bool {
    let files = fs::read_dir(folder.join("checkpoints"))
        .into_iter()
        .flatten()
        .flatten();
    files
        .map(|file| file.path())
        .any(|path| path.extension().is_some_and(|end| end == "safetensors"))
}

/// Ranks of the job that writes to a folder: processes whose second word is already a training
/// flag.
pub fn ranks_of(folder: &Path) -> Vec<u32> {
    let folder = folder.display().to_string();
    let rank = |entry: fs::DirEntry| {
        let command = fs::read_to_string(entry.path().join("cmdline")).ok()?;
        let mut words = command.split('\0');
        let trains = words.next()?.ends_with("/fedmpi") && words.next()?.starts_with("--");
        let id = entry.file_name().to_str()?.parse().ok()?;
        (trains && command.contains(&folder)).then_some(id)
    };
    fs::read_dir("/proc")
        .expect("Linux")
        .flatten()
        .filter_map(rank)
        .collect()
}
