//! Members at work: each is a `fedmpi launch` of its own, one after another or several at once on
//! divided hosts. A member that fails ends nothing but itself.

use super::super::tell;
use super::Sweep;
use super::share::Shares;
use crate::cli::SweepArgs;
use crate::event::Standing;
use crate::files;
use crate::hosts::{Dialect, GpuMapping};
use crate::ids::counted;
use crate::launch::{self, Launcher, Signal, tied_to_us, without};
use crate::stop;
use crate::sweep::{OUTPUT, Outcome, Way};
use anyhow::{Context, Result};
use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{Seek, SeekFrom};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How often members are looked after.
const GLANCE: Duration = Duration::from_millis(100);
/// How long ranks may outlive the launcher of a job that was ended. Until they are gone the
/// member's folder is theirs.
const OUTLIVED: Duration = Duration::from_secs(20);

/// Flags that say the mapping.
const MAPPING: &[&str] = &["gpu_mapping_file", "gpu_mapping_key", "gpu_util_parse"];

/// Who trains a sweep's members.
pub(super) struct Crew<'a> {
    sweep: &'a Sweep,
    arguments: &'a SweepArgs,
    shares: Shares,
    groups: Vec<Group>,
    // Where the host files are.
    _place: TempDir,
    done: usize,
}

/// Some ranks, and the member that they train.
struct Group {
    hosts: Option<PathBuf>,
    member: Option<Training>,
}

/// A member at work.
struct Training {
    place: usize,
    child: Child,
    // When its launcher was gone.
    ended: Option<Instant>,
}

impl<'a> Crew<'a> {
    /// A group for each share.
    pub(super) fn new(
        sweep: &'a Sweep,
        arguments: &'a SweepArgs,
        shares: Shares,
    ) -> Result<Crew<'a>> {
        let place = tempfile::Builder::new().prefix("fedmpi-sweep-").tempdir()?;
        let mut groups = Vec::new();
        for (number, hosts) in shares.hosts.iter().enumerate() {
            let mut file = arguments.start.hostfile.clone();
            if let Some(hosts) = hosts {
                let path = place.path().join(format!("hosts-{number}"));
                files::write_named(&path, hosts.write(Dialect::Openmpi).as_bytes())?;
                file = Some(path);
            }
            groups.push(Group {
                hosts: file,
                member: None,
            });
        }
        Ok(Crew {
            sweep,
            arguments,
            shares,
            groups,
            _place: place,
            done: 0,
        })
    }

    /// Trains members until all of them have ended, or somebody wants the end. Signals are passed
    /// on.
    pub(super) fn train(&mut self, wanted: &[usize]) -> Result<()> {
        let mut waiting = wanted.iter().copied();
        let mut told = false;
        loop {
            self.look(wanted.len())?;
            if stop::end_wanted() && !told {
                told = true;
                self.signal(Signal::TERM)?;
            }
            if stop::save_wanted() {
                self.signal(Signal::USR1)?;
            }
            if !told {
                self.begin(&mut waiting)?;
            }
            if self.groups.iter().all(|group| group.member.is_none()) {
                return Ok(());
            }
            thread::sleep(GLANCE);
        }
    }

    /// Says how members ended.
    fn look(&mut self, wanted: usize) -> Result<()> {
        for group in &mut self.groups {
            let Some(Training {
                place,
                child,
                ended,
            }) = &mut group.member
            else {
                continue;
            };
            if child.try_wait()?.is_none() {
                continue;
            }
            let ended = ended.get_or_insert_with(Instant::now);
            let member = &self.sweep.members[*place];
            let outcome = Outcome::of(&member.folder(&self.sweep.folder));
            if outcome.standing == Some(Standing::Running) && ended.elapsed() < OUTLIVED {
                continue;
            }
            self.done += 1;
            tell(format_args!("{}/{wanted} {}: {}", self.done, member.name, words(&outcome)));
            group.member = None;
        }
        Ok(())
    }

    /// Gives members to the groups that have none.
    fn begin(&mut self, waiting: &mut impl Iterator<Item = usize>) -> Result<()> {
        for number in 0..self.groups.len() {
            if self.groups[number].member.is_some() {
                continue;
            }
            let next = waiting.find_map(|place| Some((place, self.way(place)?)));
            let Some((place, way)) = next else { return Ok(()) };
            let child = self.start(number, place, way)?;
            self.groups[number].member = Some(Training {
                place,
                child,
                ended: None,
            });
        }
        Ok(())
    }

    /// How a member is trained, as it stands now: another process may have been at it.
    fn way(&self, place: usize) -> Option<Way> {
        let outcome = Outcome::of(&self.sweep.members[place].folder(&self.sweep.folder));
        Way::of(&outcome, self.arguments.retry_failed)
    }

    fn start(&self, group: usize, place: usize, way: Way) -> Result<Child> {
        let folder = self.sweep.members[place].folder(&self.sweep.folder);
        let path = folder.join(OUTPUT);
        let output = fs::create_dir_all(&folder).and_then(|()| {
            let mut output = files::open_or_create(&path)?;
            output.seek(SeekFrom::End(0)).map(|_| output)
        });
        let output = output.with_context(|| format!("cannot write {}", path.display()))?;
        let mut process = tied_to_us(self.command(group, place, way)?)?;
        process
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        if self.groups.len() > 1 {
            // Slurm lets steps wait for each other otherwise.
            process.env("SLURM_OVERLAP", "1");
        }
        Ok(process.spawn()?)
    }

    /// `fedmpi launch` of one member by one group.
    fn command(&self, group: usize, place: usize, way: Way) -> Result<Vec<OsString>> {
        let (start, member) = (&self.arguments.start, &self.sweep.members[place]);
        let mut command = vec![env::current_exe()?.into_os_string(), "launch".into()];
        let mut say =
            |flag: &str, value: OsString| command.push([flag.into(), value].join("=".as_ref()));
        say("--np", self.arguments.np.unwrap_or(1).to_string().into());
        say("--max_restarts", start.max_restarts.to_string().into());
        if let Some(hosts) = &self.groups[group].hosts {
            say("--hostfile", hosts.into());
        }
        if let Some(name) = &start.interface {
            say("--interface", name.into());
        }
        for option in &start.mpirun_option {
            say("--mpirun_option", option.into());
        }
        if self.groups.len() > 1 {
            for option in Launcher::installed()?.unbound() {
                say("--mpirun_option", option.into());
            }
        }
        for (flag, is_wanted) in [
            ("--tag_output", start.tag_output),
            ("--survive", start.survive),
        ] {
            command.extend(is_wanted.then(|| OsString::from(flag)));
        }
        command.push("--".into());
        command.extend(self.training(group, place));
        command.extend(way.flags(&member.folder(&self.sweep.folder)));
        Ok(command)
    }

    /// Flags of a member, with what the group maps. It is said even where it is all: a member that
    /// goes on may have been another group's.
    fn training(&self, group: usize, place: usize) -> Vec<OsString> {
        let words = self.sweep.words(&self.sweep.members[place]);
        let Some(mapping) = self.shares.mapping(group, place).map(GpuMapping::line) else {
            return words;
        };
        let mut words = without(&words, MAPPING);
        words.push(format!("--gpu_util_parse={mapping}").into());
        words
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        for member in self.groups.iter().filter_map(|group| group.member.as_ref()) {
            if member.ended.is_none() {
                launch::send(&member.child, signal)?;
            }
        }
        Ok(())
    }
}

/// How a member ended, with its figure if it has one.
fn words(outcome: &Outcome) -> String {
    let figure = outcome.metrics.get(outcome.lead);
    match figure.filter(|_| outcome.is_finished()) {
        Some(value) => {
            let rounds = counted(outcome.rounds as usize, "round");
            format!("{} {value:.4} after {rounds}, {:.1} s", outcome.lead, outcome.seconds)
        }
        None => outcome.words(),
    }
}
