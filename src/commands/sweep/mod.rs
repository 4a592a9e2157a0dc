//! `fedmpi sweep`: checks every member of a sweep, trains those that are not done, and says what
//! all of them come to.

mod crew;
mod share;

use super::slurm::{environment, wishes};
use super::{flags_of, places, say, tell};
use crate::cli::{Jobs, SweepArgs};
use crate::config::Config;
use crate::files;
use crate::hosts::GpuMapping;
use crate::ids::counted;
use crate::launch::{SlurmArray, SlurmJob, last_wins, pasteable};
use crate::report::figure::{Export, export};
use crate::start;
use crate::stop::{self, exit};
use crate::sweep::{Member, Outcome, Parameter, Results, Spec, SweepError, Way};
use anyhow::{Context, Error, Result, ensure};
use crew::Crew;
use share::Shares;
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Where sweeps go that name no folder.
const SWEEPS: &str = "sweeps";
/// Files of a sweep's folder, beside what it is.
const MEMBERS: &str = "members.csv";
const PICTURE: &str = "sweep.svg";
const SCRIPT: &str = "job.sbatch";

/// A sweep whose every member is sound.
struct Sweep {
    spec: Spec,
    folder: PathBuf,
    members: Vec<Member>,
}

/// Trains a sweep, shows it, or writes its array job; gives the exit code.
pub(super) fn run(arguments: &SweepArgs) -> Result<u8> {
    if let Some(folder) = &arguments.table {
        let spec = Spec::read(folder)?.ok_or(SweepError::Nothing)?;
        let sweep = Sweep::of(spec, folder.clone(), arguments)?;
        say(sweep.results(&sweep.outcomes())?)?;
        return Ok(exit::DONE);
    }
    let folder = arguments.out_dir.clone().unwrap_or_else(free_folder);
    let sweep = Sweep::of(spec(arguments, &folder)?, folder, arguments)?;
    let shares = sweep.check(arguments)?;
    if arguments.dry_run {
        say(sweep.list())?;
        return Ok(exit::DONE);
    }
    sweep.spec.claim(&sweep.folder)?;
    match (arguments.jobs, arguments.member) {
        (Some(Jobs::Slurm), _) => sweep.hand_over(arguments),
        (None, Some(member)) => sweep.train_one(member, arguments, shares),
        (None, None) => sweep.train(arguments, shares),
    }
}

/// What the arguments say over the file, or what the folder holds.
fn spec(arguments: &SweepArgs, folder: &Path) -> Result<Spec> {
    let mut parameters = Parameter::of_words(&arguments.parameters)?;
    parameters.extend(arguments.repeat.map(Parameter::seeds));
    let mut spec = match &arguments.file {
        Some(file) => read(file)?,
        None if parameters.is_empty() => return going_on(arguments, folder),
        None => Spec::default(),
    };
    let is_said = |name: &str| parameters.iter().any(|parameter| parameter.name == name);
    spec.parameters.retain(|known| !is_said(&known.name));
    spec.parameters.extend(parameters);
    spec.samples = arguments.random.or(spec.samples);
    spec.sample_seed = arguments.sample_seed.unwrap_or(spec.sample_seed);
    let mut words: Vec<OsString> = spec.flags.iter().map(OsString::from).collect();
    words.extend(arguments.training.iter().cloned());
    let words = last_wins(&words);
    let words = words.iter().map(|word| word.to_str().map(str::to_owned));
    let flags: Option<Vec<String>> = words.collect();
    spec.flags = flags.context("flags of a sweep are text, and one is not")?;
    Ok(spec)
}

fn read(file: &Path) -> Result<Spec> {
    let text = files::text(file).with_context(|| format!("cannot read {}", file.display()))?;
    Spec::parse(&text).map_err(|reason| {
        let path = file.display().to_string();
        SweepError::File { path, reason }.into()
    })
}

/// The sweep that a folder holds.
fn going_on(arguments: &SweepArgs, folder: &Path) -> Result<Spec> {
    let spec = Spec::read(folder)?.ok_or(SweepError::Nothing)?;
    let says_more = !arguments.training.is_empty() || arguments.random.is_some();
    ensure!(
        !says_more,
        "{} has its flags already (hint: say its parameters and flags, or none)",
        folder.display()
    );
    Ok(spec)
}

/// A folder named by the time.
fn free_folder() -> PathBuf {
    let time = jiff::Zoned::now().strftime("%Y%m%d-%H%M%S");
    Path::new(SWEEPS).join(time.to_string())
}

impl Sweep {
    fn of(spec: Spec, folder: PathBuf, arguments: &SweepArgs) -> Result<Sweep> {
        let metric = arguments.metric.clone().or(spec.metric);
        let spec = Spec { metric, ..spec };
        Ok(Sweep {
            members: spec.members()?,
            spec,
            folder,
        })
    }

    /// Every member as far as that needs no data, before any is trained; gives what each group has
    /// of the job.
    fn check(&self, arguments: &SweepArgs) -> Result<Shares> {
        let of_member = |member: &Member| format!("member {}", member.name);
        let (mut configs, mut mappings) = (Vec::new(), Vec::new());
        for member in &self.members {
            let config = self.config(member).with_context(|| of_member(member))?;
            mappings.push(start::mapping(&config).with_context(|| of_member(member))?);
            configs.push(config);
        }
        let shares = Shares::of(arguments, &self.members, mappings)?;
        for (place, config) in configs.into_iter().enumerate() {
            let mapping = shares.mapping(0, place).map(GpuMapping::line);
            let config = Config {
                gpu_util_parse: mapping.or(config.gpu_util_parse),
                ..config
            };
            places::planned_seats(&config, arguments.np.unwrap_or(1))
                .with_context(|| of_member(&self.members[place]))?;
        }
        Ok(shares)
    }

    /// What a member is to be.
    fn config(&self, member: &Member) -> Result<Config> {
        let config = start::read_config(&flags_of(&self.words(member))?)?;
        let named = config.out_dir.is_some() || config.resume.is_some();
        ensure!(
            !named,
            "each member has its own folder in the sweep's \
             (hint: --out_dir before --, for the sweep)"
        );
        Ok(config)
    }

    /// Flags of a member: the sweep's, and its own.
    fn words(&self, member: &Member) -> Vec<OsString> {
        let mut words = self.spec.words();
        words.extend(member.flags());
        words
    }

    fn outcomes(&self) -> Vec<Outcome> {
        self.members
            .iter()
            .map(|member| Outcome::of(&member.folder(&self.folder)))
            .collect()
    }

    /// Every member and how it stands.
    fn list(&self) -> String {
        let lines = self.members.iter().zip(self.outcomes());
        let lines: String = lines
            .map(|(member, outcome)| format!("{}: {}\n", member.name, outcome.words()))
            .collect();
        format!("{} in {}\n{lines}", counted(self.members.len(), "member"), self.folder.display())
    }

    /// The table; the picture and every member as CSV go to the folder.
    fn results(&self, outcomes: &[Outcome]) -> Result<String> {
        let members = self.members.iter().cloned();
        let members = members.zip(outcomes.iter().cloned()).collect();
        let results = Results::of(members, self.spec.metric.as_deref())?;
        self.write(MEMBERS, &results.csv()?)?;
        let mut written = vec![MEMBERS];
        if let Some(picture) = results.picture() {
            let drawn = export(&picture.drawing, Export::Svg).map_err(Error::msg)?;
            self.write(PICTURE, &drawn)?;
            written.push(PICTURE);
        }
        Ok(format!("{}{} in {}\n", results.text(), written.join(" and "), self.folder.display()))
    }

    /// Writes a file of the sweep's folder; gives where it is.
    fn write(&self, name: &str, content: &[u8]) -> Result<PathBuf> {
        let path = self.folder.join(name);
        let written = files::write_whole(&path, content);
        written.with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    /// Trains what is not done, and says what came of everything.
    fn train(&self, arguments: &SweepArgs, shares: Shares) -> Result<u8> {
        stop::listen()?;
        let outcomes = self.outcomes();
        let places = 0..self.members.len();
        let wanted = |place: &usize| Way::of(&outcomes[*place], arguments.retry_failed).is_some();
        let wanted: Vec<usize> = places.filter(wanted).collect();
        let groups = arguments.groups.unwrap_or(1);
        tell(format_args!(
            "{} in {}: {} to train, {groups} at once; what each one says is in its output.log",
            counted(self.members.len(), "member"),
            self.folder.display(),
            wanted.len()
        ));
        Crew::new(self, arguments, shares)?.train(&wanted)?;
        let outcomes = self.outcomes();
        tell(self.results(&outcomes)?);
        if stop::end_wanted() {
            tell(format_args!("stopped; it goes on with: {}", self.again(arguments)));
            return Ok(exit::ENDED);
        }
        Ok(if outcomes.iter().all(Outcome::is_over) {
            exit::DONE
        } else {
            exit::FAILED
        })
    }

    /// The command that goes on, by the same groups on the same hosts.
    fn again(&self, arguments: &SweepArgs) -> String {
        let mut words: Vec<OsString> = ["fedmpi", "sweep", "--out_dir"].map(Into::into).into();
        words.push(self.folder.clone().into());
        words.extend(["-np".into(), arguments.np.unwrap_or(1).to_string().into()]);
        if let Some(groups) = arguments.groups {
            words.extend(["--groups".into(), groups.to_string().into()]);
        }
        if let Some(hosts) = &arguments.start.hostfile {
            words.extend(["-hostfile".into(), hosts.into()]);
        }
        pasteable(words)
    }

    /// Trains one member, as a task of an array job does.
    fn train_one(&self, place: usize, arguments: &SweepArgs, shares: Shares) -> Result<u8> {
        let last = self.members.len() - 1;
        ensure!(place <= last, "there is no member {place} (hint: they are 0 to {last})");
        stop::listen()?;
        Crew::new(self, arguments, shares)?.train(&[place])?;
        let outcome = Outcome::of(&self.members[place].folder(&self.folder));
        Ok(match outcome.is_finished() {
            true => exit::DONE,
            false if stop::end_wanted() && outcome.saved => exit::ENDED,
            false => exit::FAILED,
        })
    }

    /// Writes an array job, a task for each member.
    fn hand_over(&self, arguments: &SweepArgs) -> Result<u8> {
        let program = env::current_exe()?;
        let folder = std::path::absolute(&self.folder)?;
        let array = SlurmArray {
            folder,
            members: self.members.len(),
            at_once: arguments.groups,
        };
        let job = SlurmJob {
            directives: directives(arguments),
            environment: environment(&program),
            program,
            array: Some(array),
            ..SlurmJob::default()
        };
        let path = self.write(SCRIPT, job.script()?.as_bytes())?;
        let tasks = counted(self.members.len(), "task");
        let (submit, show) =
            (pasteable(["sbatch".as_ref(), path.as_os_str()]), pasteable([&self.folder]));
        say(format_args!(
            "an array job of {tasks}: {submit}\nits table, at any time: fedmpi sweep --table {show}"
        ))?;
        Ok(exit::DONE)
    }
}

/// What Slurm is told for each task, by name; a user's own wish wins.
fn directives(arguments: &SweepArgs) -> Vec<(String, String)> {
    let mut directives = wishes(&arguments.sbatch);
    let ranks = arguments.np.unwrap_or(1).to_string();
    let ours = [
        ("nodes", Some("1".to_owned())),
        ("ntasks-per-node", Some(ranks)),
        ("time", arguments.time.clone()),
    ];
    for (name, value) in ours {
        let is_said = directives.iter().any(|(said, _)| said == name);
        if let Some(value) = value
            && !is_said
        {
            directives.push((name.to_owned(), value));
        }
    }
    directives
}
