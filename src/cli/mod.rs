//! The command line: what is asked for. Nothing is done here.

mod arguments;
mod asking;
mod help;
mod launching;
mod tried;
mod values;

use crate::config::Flags;
use crate::hosts::Dialect;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

pub use arguments::{
    Bench, BenchArgs, CheckArgs, CompareArgs, ConfigArgs, DoctorArgs, NewArgs, PartitionArgs,
    PredictArgs, ReportArgs, Shell, VerifyArgs,
};
pub use asking::{ClientsArgs, Column, EvaluateArgs};
pub use launching::{Jobs, LaunchArgs, SlurmArgs, SweepArgs};
pub use values::Rounds;

const EXIT_CODES: &str = "\
Exit codes:
  0  the run (or command) finished
  1  the run failed after training had begun; doctor found something wrong;
     verify found other results
  2  refused before training: flags, files or data are wrong
  3  stopped by a signal for the end, such as SIGTERM: --resume goes on from the last round

Hyphens and underscores are the same in flag names. Precedence: flag, --set, --cf file, default.";

/// Federated learning over MPI. Without a subcommand: trains, under `mpirun -np N` or alone.
#[derive(Debug, Parser)]
#[command(name = "fedmpi", version, after_help = EXIT_CODES,
          args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// A command other than training.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Settings of the training.
    #[command(flatten)]
    pub flags: Flags,
}

/// Commands beside training.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a folder to begin with: a config, a host file, a mapping of GPUs, a batch script
    New(NewArgs),
    /// Validate everything without training; print the plan, the ranks and the partition
    Check(Box<CheckArgs>),
    /// Divide the data without training: the partition as a file, a table and pictures
    Partition(Box<PartitionArgs>),
    /// Compare runs: a table of what they reached and at what cost, and a picture
    Compare(CompareArgs),
    /// Write a page of one run or several: curves, clients, workers, partition, environment
    Report(ReportArgs),
    /// Train rounds of a run again, under mpirun or alone, and say whether their models are the
    /// recorded ones
    Verify(VerifyArgs),
    /// Evaluate a run's model on test data, under mpirun or alone
    Evaluate(EvaluateArgs),
    /// List a run's clients: what each has, how often it was trained, its loss, how long it takes
    /// and where
    Clients(ClientsArgs),
    /// Predict how long a recorded run would take on other workers, and where more of them do not
    /// pay
    Predict(PredictArgs),
    /// List runs, the newest last: how each stands, how far it is, how good, where it runs, and why
    /// it failed
    Runs {
        /// The folder that holds them [default: runs]
        #[arg(value_name = "FOLDER", value_parser = values::place())]
        folder: Option<PathBuf>,
        /// As JSON, an object a run
        #[arg(long)]
        json: bool,
    },
    /// Watch a run: curves, what each worker does, time left; also from another host that sees its
    /// folder
    Watch {
        /// The run: its folder, its name below `runs`, or `last`
        #[arg(value_name = "RUN", default_value = "last", value_parser = values::place())]
        run: PathBuf,
        /// Print how it stands and end, as without a terminal
        #[arg(long)]
        once: bool,
    },
    /// Start a training job with the installed mpirun, and start it again when it fails
    Launch(LaunchArgs),
    /// Train many runs that differ in settings; a table and a picture over seeds
    Sweep(Box<SweepArgs>),
    /// Examine all hosts before a job: ssh, program, libraries, data, GPUs, clocks, memory, network
    Doctor(DoctorArgs),
    /// Print a batch script for Slurm: it starts a training job
    SlurmScript(SlurmArgs),
    /// What this host says to `doctor`, as JSON
    #[command(hide = true, rename_all = "snake_case")]
    Probe {
        /// Folder that must be readable
        #[arg(long, value_name = "FOLDER", value_parser = values::place())]
        data_dir: Option<PathBuf>,
    },
    /// Run a launcher that ends with the process that started it
    #[command(hide = true)]
    Tied {
        /// That process
        parent: u32,
        /// The launcher's command line
        #[arg(last = true)]
        command: Vec<OsString>,
    },
    /// Measure this cluster; run it under mpirun
    #[command(subcommand)]
    Bench(Bench),
    /// List the parts to choose from: all, those of one kind, or one with its settings
    List {
        /// The setting that chooses among them, such as `server_step`
        kind: Option<String>,
        /// A part, such as `adam`
        name: Option<String>,
        /// All settings, of runs and of parts, as a page in Markdown
        #[arg(long, conflicts_with = "kind")]
        markdown: bool,
    },
    /// Print a config: resolved, what differs, translated; or what a --cf file may say
    Config(Box<ConfigArgs>),
    /// Print a host file in the dialect of a launcher
    Hostfile {
        /// The launcher's dialect
        #[arg(long)]
        to: Dialect,
        /// A host file in either dialect
        #[arg(value_parser = values::place())]
        file: PathBuf,
    },
    /// Print what makes a shell complete commands, flags and the names of parts
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Write a manual page for each command
    Man {
        /// Folder for them, such as `~/.local/share/man/man1`
        #[arg(value_name = "FOLDER", value_parser = values::place())]
        folder: PathBuf,
    },
}

impl Command {
    /// Whether each rank has its part in it, or says something of its own host.
    pub fn is_of_every_rank(&self) -> bool {
        let asked = matches!(self, Command::Verify(_) | Command::Evaluate(_));
        asked || matches!(self, Command::Bench(_) | Command::Probe { .. } | Command::Tied { .. })
    }

    /// Whether it starts a job or is one, which goes on whoever reads.
    pub fn is_of_a_job(&self) -> bool {
        match self {
            Command::Launch(arguments) => !arguments.dry_run,
            Command::Sweep(arguments) => {
                !arguments.dry_run && arguments.table.is_none() && arguments.jobs.is_none()
            }
            Command::Bench(_)
            | Command::Verify(_)
            | Command::Evaluate(_)
            | Command::Tied { .. } => true,
            _ => false,
        }
    }
}

/// What the arguments of a process ask for.
pub enum Asked {
    /// To do something.
    Work(Box<Cli>),
    /// To be told something.
    Help(String),
    /// To be told which program this is, and whether with what it is built of.
    Version(bool),
    /// What cannot be understood, and why.
    Refusal(String),
}

/// What the arguments of the process ask for. Neither help nor a refusal needs MPI.
pub fn asked(arguments: impl Iterator<Item = OsString>) -> Asked {
    let arguments: Vec<OsString> = arguments.collect();
    let words: Vec<&str> = arguments
        .iter()
        .skip(1)
        .filter_map(|argument| argument.to_str())
        .collect();
    match words[..] {
        ["--help" | "-h" | "help"] => return Asked::Help(help::short(&command())),
        ["--help" | "-h" | "help", "all"] => return Asked::Help(help::all(&mut command())),
        ["--version" | "-V"] => return Asked::Version(words == ["--version"]),
        _ => {}
    }
    match parse(arguments.into_iter()) {
        Ok(cli) => Asked::Work(Box::new(cli)),
        Err(error) if error.use_stderr() => Asked::Refusal(error.render().to_string()),
        Err(error) => Asked::Help(error.render().to_string()),
    }
}

/// Parses arguments.
pub fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let mut verbatim = false;
    let mut foreign = false;
    let ours = arguments.map(|argument| {
        // What follows is another program's.
        foreign |= argument == "--";
        let kept = std::mem::replace(&mut verbatim, is_mpirun_option(&argument)) || foreign;
        if kept {
            argument
        } else {
            underscored(argument)
        }
    });
    let matches = command()
        .try_get_matches_from(ours)
        .map_err(tried::explained)?;
    Cli::from_arg_matches(&matches)
}

fn is_mpirun_option(argument: &OsString) -> bool {
    argument == "--mpirun_option" || argument == "--mpirun-option"
}

/// Commands that take all flags of a training beside their own.
const OF_TRAINING: [&str; 3] = ["check", "partition", "config"];

/// All that can be written, as help shows it.
pub fn command() -> clap::Command {
    OF_TRAINING
        .iter()
        .fold(grammar(), |command, name| command.mut_subcommand(name, help::hide_training))
}

/// All that can be written. `--overwrite` alone means `--overwrite true`, and so for every switch.
pub fn grammar() -> clap::Command {
    OF_TRAINING
        .iter()
        .fold(with_habits(Cli::command()), |command, name| {
            command.mut_subcommand(name, with_habits)
        })
}

/// Flags that need no value.
const SWITCHES: [&str; 5] = ["overwrite", "dry_train", "sleep_delays", "quiet", "json"];

/// The training's flags as people write them: with FedML's names, and switches without a value.
fn with_habits(command: clap::Command) -> clap::Command {
    let mut command = command
        .mut_arg("aggregator", |argument| argument.alias("federated_optimizer"))
        .mut_arg("server_step", |argument| argument.alias("server_optimizer"));
    for name in SWITCHES {
        command = command
            .mut_arg(name, |argument| argument.num_args(0..=1).default_missing_value("true"));
    }
    command
}

/// `--comm-round=3` as `--comm_round=3`; values stay as they are.
fn underscored(argument: OsString) -> OsString {
    // What mpirun's users write.
    if ["-np", "-hostfile"].iter().any(|flag| argument == *flag) {
        return [OsStr::new("-"), &argument].iter().copied().collect();
    }
    let mut bytes = argument.into_vec();
    if bytes.starts_with(b"--") {
        let end = bytes.iter().position(|byte| *byte == b'=');
        let end = end.unwrap_or(bytes.len());
        for byte in &mut bytes[2..end] {
            if *byte == b'-' {
                *byte = b'_';
            }
        }
    }
    OsString::from_vec(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Cli, clap::Error> {
        parse(line.split(' ').map(OsString::from))
    }

    /// Clap looks at that in debug builds only.
    #[test]
    fn no_flag_means_two_things() {
        fn check(command: &clap::Command) {
            let mut known = std::collections::BTreeSet::new();
            for argument in command.get_arguments() {
                let names = argument.get_long_and_visible_aliases().unwrap_or_default();
                for name in names {
                    assert!(known.insert(name), "{} --{name}", command.get_name());
                }
            }
            command.get_subcommands().for_each(check);
        }
        check(&grammar());
    }

    #[test]
    fn the_tutorials_flags_are_accepted_verbatim() {
        let line = "fedmpi --gpu_mapping_file gpu_mapping.yaml --gpu_mapping_key mapping_default \
                    --model lr --dataset mnist --data_dir ./data --partition_method hetero \
                    --partition_alpha 0.5 --client_num_in_total 1000 --client_num_per_round 4 \
                    --comm_round 10 --epochs 1 --client_optimizer sgd --batch_size -1 --lr 0.03 \
                    --wd 0.001 --ci 0 --frequency_of_the_test 5 --backend MPI --is_mobile 0 \
                    --gpu_server_num 1 --gpu_num_per_server 4";
        let flags = parsed(line).expect("accepted").flags;
        assert_eq!((flags.batch_size, flags.client_num_per_round), (Some(-1), Some(4)));
    }

    #[test]
    fn hyphens_are_underscores_in_names_only() {
        assert_eq!(
            parsed("fedmpi --overwrite --ci 1")
                .expect("accepted")
                .flags
                .overwrite,
            Some(true)
        );
        let flags = parsed("fedmpi --comm-round=7 --out-dir a-b --gpu-mapping-key=x-y")
            .expect("accepted")
            .flags;
        assert_eq!(flags.comm_round, Some(7));
        assert_eq!(flags.out_dir, Some("a-b".into()));
        assert_eq!(flags.gpu_mapping_key, Some("x-y".into()));
        let line = "fedmpi launch --np 2 --mpirun-option --bind-to-x --mpirun_option=--y-z \
                    --dry-run -- --comm-round 3";
        let Some(Command::Launch(launch)) = parsed(line).expect("accepted").command else {
            panic!("another command")
        };
        assert_eq!(launch.start.mpirun_option, ["--bind-to-x", "--y-z"]);
        assert!(launch.dry_run);
    }

    #[test]
    fn rounds_are_numbers_from_1_or_all_or_the_last() {
        let rounds = |text: &str| match parsed(&format!("fedmpi verify run{text}")).ok()?.command {
            Some(Command::Verify(verify)) => Some(verify.rounds),
            _ => None,
        };
        assert_eq!(rounds(""), Some(Rounds::Last));
        assert_eq!(rounds(" --rounds all"), Some(Rounds::All));
        assert_eq!(rounds(" --rounds 3,17"), Some(Rounds::These(vec![3, 17])));
        assert!(
            [" --rounds 0", " --rounds 3-17", " --rounds x"]
                .iter()
                .all(|text| rounds(text).is_none())
        );
    }

    #[test]
    fn paths_are_bytes() {
        let arguments = [&b"fedmpi"[..], b"--data-dir", b"d\xff", b"--out-dir=o-\xff"];
        let flags = parse(
            arguments
                .map(|bytes| OsString::from_vec(bytes.to_vec()))
                .into_iter(),
        )
        .expect("accepted")
        .flags;
        let bytes = |path: Option<PathBuf>| path.map(|path| path.into_os_string().into_vec());
        assert_eq!(
            (bytes(flags.data_dir), bytes(flags.out_dir)),
            (Some(b"d\xff".to_vec()), Some(b"o-\xff".to_vec()))
        );
    }

    #[test]
    fn every_flag_shows_its_default_and_unit() {
        for argument in command()
            .get_arguments()
            .filter(|argument| argument.get_long().is_some())
        {
            let help = argument
                .get_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(help.contains("[default: "), "{}", argument.get_id());
            assert!(argument.get_value_names().is_some(), "{}", argument.get_id());
        }
    }
}
