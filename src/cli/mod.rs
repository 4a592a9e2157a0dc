//! The command line: what is asked for, and the small commands that answer at once.

mod arguments;
mod help;

use crate::{bench, boot, doctor};
use anyhow::{Context, Error, Result};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use fedmpi::config::{Config, Dialect, Flags, HostFile, KINDS, Plan, Residency, Seat, expand, seats_table};
use fedmpi::ids::Rank;
use fedmpi::launch::{self, LaunchError, Launcher};
use fedmpi::metrics;
use fedmpi::part::{AnyKind, Described, Kind};
use fedmpi::stop::exit;
use fedmpi::transport::Host;
use fedmpi::{delay, record, stop, torch};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

pub use arguments::{Bench, BenchArgs, CheckArgs, DoctorArgs, LaunchArgs, SlurmArgs};

const EXIT_CODES: &str = "\
Exit codes:
  0  the run (or command) finished
  1  the run failed after training had begun; doctor found something wrong
  2  refused before training: flags, files or data are wrong
  3  stopped by SIGTERM or SIGINT: --resume goes on from the last round

Hyphens and underscores are the same in flag names. Precedence: flag, then --cf file, then default.";

/// Federated learning over MPI. Without a subcommand: trains, under `mpirun -np N` or alone.
#[derive(Debug, Parser)]
#[command(name = "fedmpi", version, after_help = EXIT_CODES, args_conflicts_with_subcommands = true)]
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
    /// Validate everything without training; print the plan, the ranks and the partition
    Check(Box<CheckArgs>),
    /// Compare finished runs: a table, and a picture of accuracy against virtual time
    #[command(rename_all = "snake_case")]
    Compare {
        /// Folders of runs
        #[arg(required = true, value_name = "RUN")]
        runs: Vec<PathBuf>,
        /// Accuracy whose time is asked for [default: the best that all reach]
        #[arg(long, value_name = "SHARE")]
        target_accuracy: Option<f64>,
        /// Where the picture goes
        #[arg(long, value_name = "FILE", default_value = "compare.svg")]
        svg: PathBuf,
    },
    /// Start a training job with the installed mpirun, and start it again when it fails
    Launch(LaunchArgs),
    /// Examine all hosts before a job: ssh, program, libraries, data, GPUs, clocks, memory, network
    Doctor(DoctorArgs),
    /// Print a batch script for Slurm that starts a training job
    SlurmScript(SlurmArgs),
    /// What this host says to `doctor`, as JSON
    #[command(hide = true, rename_all = "snake_case")]
    Probe {
        /// Folder that must be readable
        #[arg(long, value_name = "FOLDER")]
        data_dir: Option<PathBuf>,
    },
    /// Measure this cluster; run it under mpirun
    #[command(subcommand)]
    Bench(Bench),
    /// List every part that can be chosen, or those of one kind, or one with its settings
    List {
        /// The setting that chooses among them, such as `server_step`
        kind: Option<String>,
        /// A part, such as `adam`
        name: Option<String>,
    },
    /// Print a host file in the dialect of a launcher
    Hostfile {
        /// The launcher's dialect
        #[arg(long)]
        to: Dialect,
        /// A host file in either dialect
        file: PathBuf,
    },
}

/// What the arguments of a process ask for.
pub enum Asked {
    /// To do something.
    Work(Box<Cli>),
    /// To be told something; what cannot be understood is told too. The text, and the exit code.
    Tell(String, u8),
}

/// What the arguments of the process ask for. Neither help nor a refusal needs MPI.
pub fn asked(arguments: impl Iterator<Item = OsString>) -> Asked {
    let arguments: Vec<OsString> = arguments.collect();
    let words: Vec<&str> = arguments.iter().skip(1).filter_map(|argument| argument.to_str()).collect();
    let help = |word: &&str| ["--help", "-h", "help"].contains(word);
    match words[..] {
        [word, "all"] if help(&word) => return Asked::Tell(help::all(&mut command()), exit::DONE),
        [word] if help(&word) => return Asked::Tell(help::short(&command()), exit::DONE),
        _ => {}
    }
    match parse(arguments.into_iter()) {
        Ok(cli) => Asked::Work(Box::new(cli)),
        Err(error) if error.use_stderr() => Asked::Tell(error.render().to_string(), exit::REFUSED),
        Err(error) => Asked::Tell(error.render().to_string(), exit::DONE),
    }
}

/// Parses arguments.
pub fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let mut verbatim = false;
    let ours = arguments.map(|argument| {
        // What follows is another program's.
        let kept = std::mem::replace(&mut verbatim, is_mpirun_option(&argument));
        if kept { argument } else { underscored(argument) }
    });
    Cli::from_arg_matches(&command().try_get_matches_from(ours)?)
}

fn is_mpirun_option(argument: &OsString) -> bool {
    argument == "--mpirun_option" || argument == "--mpirun-option"
}

/// `--overwrite` alone means `--overwrite true`, and so for every switch.
fn command() -> clap::Command {
    let switch = |argument: clap::Arg| argument.num_args(0..=1).default_missing_value("true");
    let switches = |command: clap::Command| {
        let command = command
            .mut_arg("aggregator", |argument| argument.alias("federated_optimizer"))
            .mut_arg("server_step", |argument| argument.alias("server_optimizer"));
        ["overwrite", "dry_train", "sleep_delays"]
            .into_iter()
            .fold(command, |command, name| command.mut_arg(name, switch))
    };
    switches(Cli::command()).mut_subcommand("check", |check| help::hide_training(switches(check)))
}

/// `--comm-round=3` as `--comm_round=3`; values stay as they are.
fn underscored(argument: OsString) -> OsString {
    let Some(text) = argument.to_str() else { return argument };
    // What mpirun's users write.
    if ["-np", "-hostfile"].contains(&text) {
        return format!("-{text}").into();
    }
    let Some(name) = text.strip_prefix("--") else { return argument };
    match name.split_once('=') {
        Some((name, value)) => format!("--{}={value}", name.replace('-', "_")).into(),
        None => format!("--{}", name.replace('-', "_")).into(),
    }
}

/// Runs a command; gives its exit code.
pub fn run(command: Command) -> Result<u8> {
    // A job goes on unread, and its ranks must survive a connection that breaks.
    if !matches!(command, Command::Launch(_) | Command::Bench(_)) {
        stop::end_unread()?;
    }
    match command {
        Command::Bench(bench) => bench::run(&bench)?,
        Command::Doctor(arguments) => {
            let hosts = hosts(arguments.hostfile.as_deref())?;
            let hosts = hosts.context("no hosts are known (hint: -hostfile FILE)")?;
            return Ok(if doctor::run(&arguments, &hosts)? { exit::DONE } else { exit::FAILED });
        }
        Command::SlurmScript(arguments) => print!("{}", slurm_script(arguments)?),
        Command::Probe { data_dir } => {
            println!("{}", serde_json::to_string(&doctor::facts(data_dir.as_deref())?)?);
        }
        Command::Launch(arguments) => return launch(arguments),
        Command::Compare { runs, target_accuracy, svg } => {
            let comparison = record::compare(&runs, target_accuracy).map_err(Error::msg)?;
            print!("{}", comparison.table());
            comparison.draw(&svg).map_err(Error::msg)?;
            println!("picture in {}", svg.display());
        }
        Command::Check(arguments) => check(&arguments)?,
        Command::List { kind, name } => print!("{}", list(kind.as_deref(), name.as_deref())?),
        Command::Hostfile { to, file } => print!("{}", read_hosts(&file)?.write(to)),
    }
    Ok(exit::DONE)
}

fn launch(arguments: LaunchArgs) -> Result<u8> {
    let launcher = Launcher::installed()?;
    if arguments.survive && !launcher.survives() {
        return Err(LaunchError::Mortal(launcher).into());
    }
    let hosts = hosts(arguments.hostfile.as_deref())?;
    let config = checked(&arguments.training)?;
    let mut program = vec![std::env::current_exe()?.display().to_string()];
    program.extend(arguments.training);
    let folder = config.out_dir.clone().unwrap_or_else(|| {
        let folder = record::default_folder(&config);
        program.extend(["--out_dir".to_owned(), folder.display().to_string()]);
        folder
    });
    let job = launch::Job {
        launcher,
        ranks: arguments.np,
        hosts,
        tag_output: arguments.tag_output,
        survive: arguments.survive,
        interface: arguments.interface,
        options: arguments.mpirun_option,
        program,
    };
    println!("{}", job.command(Path::new("HOSTS")).join(" "));
    if let Some(hosts) = &job.hosts {
        print!("with HOSTS:\n{}", hosts.write(launcher.dialect()));
    }
    println!("{}", launch_table(&job, &config)?);
    if arguments.dry_run {
        return Ok(exit::DONE);
    }
    stop::listen()?;
    Ok(launch::run(&job, &folder, arguments.max_restarts)?)
}

/// The training's flags are checked before the job waits in a queue.
fn slurm_script(arguments: SlurmArgs) -> Result<String> {
    let config = checked(&arguments.training)?;
    let folder = config.out_dir.is_some() || config.resume.is_some();
    anyhow::ensure!(!folder, "the script names the run's folder itself (hint: FEDMPI_RUN=FOLDER sbatch ...)");
    let mapped = arguments.gpus_per_node > 0 && config.gpu_mapping_file.is_some();
    anyhow::ensure!(!mapped, "with --gpus_per_node the script writes the mapping itself");
    let ranks = arguments.ranks_per_node;
    let mut directives =
        vec![("nodes".to_owned(), arguments.nodes.to_string()), ("ntasks-per-node".to_owned(), ranks.to_string())];
    directives.extend(arguments.time.map(|time| ("time".to_owned(), time)));
    for wish in &arguments.sbatch {
        let (name, value) = wish.split_once('=').unwrap_or((wish, ""));
        directives.push((name.to_owned(), value.to_owned()));
    }
    let job = launch::SlurmJob { directives, ranks, gpus: arguments.gpus_per_node, training: arguments.training };
    Ok(job.script()?)
}

/// Training flags as a command line of their own, checked before anything is started.
fn checked(training: &[String]) -> Result<Config> {
    let line = std::iter::once("fedmpi").chain(training.iter().map(String::as_str)).map(OsString::from);
    let refused = |error: clap::Error| Error::msg(error.render().to_string().trim_start_matches("error: ").to_owned());
    let flags = parse(line).map_err(refused)?.flags;
    let config = Config::resolve(&flags)?;
    Plan::check(&config)?;
    Ok(config)
}

/// The hosts of a file, or of the batch system's allocation.
fn hosts(file: Option<&Path>) -> Result<Option<HostFile>> {
    match file {
        Some(path) => Ok(Some(read_hosts(path)?)),
        None => Ok(launch::allocation()?),
    }
}

fn read_hosts(path: &Path) -> Result<HostFile> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    HostFile::parse(&text).with_context(|| path.display().to_string())
}

/// Ranks, hosts and devices as they will be.
fn launch_table(job: &launch::Job, config: &Config) -> Result<String> {
    if boot::mapping(config)?.is_some() {
        let (hosts, seats) = planned_seats(config, job.ranks)?;
        return Ok(seats_table(&hosts, &seats));
    }
    let host = |name: String| Host { name, ..Host::default() };
    let hosts: Vec<Host> = job.places().into_iter().map(host).collect();
    Ok(seats_table(&hosts, &vec![Seat::Cpu; job.ranks]))
}

/// Delay models, which are told numbers by their place.
static DELAYS: Kind<()> = Kind { setting: "delay", about: "delay", table: delay::DELAYS };

/// All parts, those of a kind, or a part with its settings.
fn list(kind: Option<&str>, name: Option<&str>) -> Result<String> {
    let more: [&dyn AnyKind; 2] = [&DELAYS, &torch::models::KIND];
    let kinds: Vec<&dyn AnyKind> = KINDS.iter().copied().chain(more).collect();
    let Some(wanted) = kind else {
        return Ok(kinds.iter().map(|kind| section(*kind, &kind.parts(), false)).collect());
    };
    let wanted = wanted.trim_start_matches('-').replace('-', "_");
    let found: Vec<&&dyn AnyKind> = kinds.iter().filter(|kind| kind.setting() == wanted).collect();
    if found.is_empty() {
        let hint = fedmpi::part::suggest(&wanted, kinds.iter().map(|kind| kind.setting()));
        anyhow::bail!("there is no kind of parts `{wanted}` (hint: {hint})");
    }
    let Some(name) = name else { return Ok(found.iter().map(|kind| section(**kind, &kind.parts(), true)).collect()) };
    let parts: Vec<_> = found.iter().map(|kind| (kind, kind.described(name))).collect();
    // A rule without rounds and a method of rounds may bear one name.
    let known: String =
        parts.iter().filter_map(|(kind, part)| Some(section(***kind, &[part.clone().ok()?], true))).collect();
    match known.is_empty() {
        false => Ok(known),
        true => Err(parts.into_iter().find_map(|(_, part)| part.err()).map_or_else(|| Error::msg(""), Error::from)),
    }
}

fn section(kind: &dyn AnyKind, parts: &[Described], with_settings: bool) -> String {
    let mut text = format!("{} (--{})\n", kind.about(), kind.setting());
    for part in parts {
        text += &format!("  {:<16} {}\n", part.name, part.about);
        if !with_settings {
            continue;
        }
        if !part.aliases.is_empty() {
            text += &format!("  {:<16} also called {}\n", "", part.aliases.join(", "));
        }
        for param in part.params {
            let default = if param.default.is_empty() { "none" } else { param.default };
            text += &format!("    {:<18} {:<12} {} [default: {default}]\n", param.name, param.unit, param.about);
        }
    }
    text
}

/// Ranks are taken to run where the mapping wants them, or here without one.
fn check(arguments: &CheckArgs) -> Result<()> {
    let ranks = arguments.np;
    let config = Config::resolve(&arguments.flags)?;
    let (hosts, seats) = planned_seats(&config, ranks)?;
    if config.data_residency == Residency::Local {
        Plan::check(&config)?;
        println!("note: every rank looks at its own data when the job starts");
        print!("{}", serde_yaml::to_string(&config)?);
        println!("\n{}", seats_table(&hosts, &seats));
        return Ok(());
    }
    Plan::check(&config)?;
    let data_dir = expand(&config.data_dir, Rank::SERVER, &Host::here().name);
    let dataset = Plan::read(&Config { data_dir, ..config.clone() })?;
    let plan = Plan::new(config, dataset)?;
    let workers = ranks.max(2) - 1;
    plan.check_workers(workers)?;
    plan.notes(workers).iter().for_each(|note| println!("note: {note}"));
    let network = torch::models::build(&plan.config.model, &plan.dataset.facts)?;
    let parameters = torch::models::layout(network.as_ref()).parameters();
    println!("plan {} ({parameters} parameters)", plan.digest());
    print!("{}", serde_yaml::to_string(&plan.config)?);
    println!("\n{}", seats_table(&hosts, &seats));
    println!("\n{}", histogram(&plan));
    Ok(())
}

fn planned_seats(config: &Config, ranks: usize) -> Result<(Vec<Host>, Vec<Seat>)> {
    let Some(mapping) = boot::mapping(config)? else {
        return Ok((vec![Host::here(); ranks], vec![Seat::Cpu; ranks]));
    };
    let mut hosts = mapping.wanted();
    hosts.resize(ranks, Host::here());
    let seats = mapping.place(&hosts, config.device)?;
    Ok((hosts, seats))
}

/// Clients by number of samples, in ten bands, and by number of classes.
fn histogram(plan: &Plan) -> String {
    let sizes: Vec<u64> = plan.partition.ids().map(|client| plan.samples(client)).collect();
    let (least, most) = (sizes.iter().min().copied().unwrap_or(0), sizes.iter().max().copied().unwrap_or(0));
    let median = metrics::median(&sizes.iter().map(|&size| size as f64).collect::<Vec<_>>());
    let total: u64 = sizes.iter().sum();
    let mut text =
        format!("partition: {} clients, {total} samples, {least} to {most} each (median {median})", sizes.len());
    let width = (most - least) / 10 + 1;
    for band in 0..10 {
        let from = least + band * width;
        let count = sizes.iter().filter(|&&size| (from..from + width).contains(&size)).count();
        if from <= most {
            let bar = "#".repeat((count * 50).div_ceil(sizes.len()));
            text += &format!("\n{from:>8} to {:<8}{count:>7} {bar}", from + width - 1);
        }
    }
    let Some(labels) = plan.dataset.train.classes() else { return text };
    let classes: Vec<f64> = plan.partition.ids().map(|client| classes_of(plan, labels, client) as f64).collect();
    text + &format!(
        "\nclasses per client: median {} of {}",
        metrics::median(&classes),
        plan.dataset.facts.task.outputs()
    )
}

fn classes_of(plan: &Plan, labels: &[u32], client: fedmpi::ids::ClientId) -> usize {
    let mut seen = vec![false; plan.dataset.facts.task.outputs()];
    for &sample in plan.partition.of(client).iter() {
        seen[labels[sample as usize] as usize] = true;
    }
    seen.into_iter().filter(|&seen| seen).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Cli, clap::Error> {
        parse(line.split(' ').map(OsString::from))
    }

    #[test]
    fn the_tutorials_flags_are_accepted_verbatim() {
        let line = "fedmpi --gpu_mapping_file gpu_mapping.yaml --gpu_mapping_key mapping_default --model lr \
                    --dataset mnist --data_dir ./data --partition_method hetero --partition_alpha 0.5 \
                    --client_num_in_total 1000 --client_num_per_round 4 --comm_round 10 --epochs 1 \
                    --client_optimizer sgd --batch_size -1 --lr 0.03 --wd 0.001 --ci 0 --frequency_of_the_test 5";
        let flags = parsed(line).expect("accepted").flags;
        assert_eq!((flags.batch_size, flags.client_num_per_round), (Some(-1), Some(4)));
    }

    #[test]
    fn hyphens_are_underscores_in_names_only() {
        assert_eq!(parsed("fedmpi --overwrite --ci 1").expect("accepted").flags.overwrite, Some(true));
        let flags = parsed("fedmpi --comm-round=7 --out-dir a-b --gpu-mapping-key=x-y").expect("accepted").flags;
        assert_eq!(flags.comm_round, Some(7));
        assert_eq!(flags.out_dir, Some("a-b".into()));
        assert_eq!(flags.gpu_mapping_key, Some("x-y".into()));
        let line = "fedmpi launch --np 2 --mpirun-option --bind-to-x --mpirun_option=--y-z --dry-run -- --comm-round 3";
        let Some(Command::Launch(launch)) = parsed(line).expect("accepted").command else { panic!("another command") };
        assert_eq!(launch.mpirun_option, ["--bind-to-x", "--y-z"]);
        assert!(launch.dry_run);
    }

    #[test]
    fn every_flag_shows_its_default_and_unit() {
        for argument in command().get_arguments().filter(|argument| argument.get_long().is_some()) {
            let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("[default: "), "{}", argument.get_id());
            assert!(argument.get_value_names().is_some(), "{}", argument.get_id());
        }
    }
}
