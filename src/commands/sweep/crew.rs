//! Members at work: each is a `fedmpi launch` of its own, one after another or several at once on
//! divided hosts. A member that fails ends nothing but itself.

use super::super::{places, tell};
use super::Sweep;
use crate::cli::SweepArgs;
use crate::event::Standing;
use crate::files;
use crate::hosts::Dialect;
use crate::ids::counted;
use crate::launch::{self, Launcher, Signal, tied_to_us};
use crate::stop;
use crate::sweep::{OUTPUT, Outcome, Way, divide};
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

/// Who trains a sweep's members.
pub(super) struct Crew<'a> {
    sweep: &'a Sweep,
    arguments: &'a SweepArgs,
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
    /// As many groups as are wanted, each with its hosts.
    pub(super) fn new(sweep: &'a Sweep, arguments: &'a SweepArgs) -> Result<Crew<'a>> {
        let place = tempfile::Builder::new().prefix("fedmpi-sweep-").tempdir()?;
        let file = arguments.start.hostfile.as_deref();
        let count = arguments.groups.unwrap_or(1);
        let hosts = if count > 1 {
            places::hosts(file)?
        } else {
            None
        };
        let mut parts = vec![file.map(PathBuf::from); count];
        if let Some(hosts) = hosts {
            let divided = divide(&hosts, count, arguments.np.unwrap_or(1))?;
            for (number, hosts) in divided.iter().enumerate() {
                let path = place.path().join(format!("hosts-{number}"));
                files::write_named(&path, hosts.write(Dialect::Openmpi).as_bytes())?;
                parts[number] = Some(path);
            }
        }
        let idle = |hosts| Group {
            hosts,
            member: None,
        };
        let groups = parts.into_iter().map(idle).collect();
        Ok(Crew {
            sweep,
            arguments,
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
            let child = self.start(&self.groups[number], place, way)?;
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

    fn start(&self, group: &Group, place: usize, way: Way) -> Result<Child> {
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

    /// `fedmpi launch` of one member.
    fn command(&self, group: &Group, place: usize, way: Way) -> Result<Vec<OsString>> {
        let (start, member) = (&self.arguments.start, &self.sweep.members[place]);
        let mut command = vec![env::current_exe()?.into_os_string(), "launch".into()];
        let mut say =
            |flag: &str, value: OsString| command.push([flag.into(), value].join("=".as_ref()));
        say("--np", self.arguments.np.unwrap_or(1).to_string().into());
        say("--max_restarts", start.max_restarts.to_string().into());
        if let Some(hosts) = &group.hosts {
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
        command.extend(self.sweep.spec.words());
        command.extend(member.flags());
        command.extend(way.flags(&member.folder(&self.sweep.folder)));
        Ok(command)
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
