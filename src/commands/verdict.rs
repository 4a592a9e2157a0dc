//! What a training has come to: why it ended, how good the model is, where it is, and what may be
//! done next, as lines that can be pasted.

use crate::ids::counted;
use crate::launch::pasteable;
use crate::metrics::Metrics;
use crate::record::Summary;
use crate::screen;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::Path;
use std::time::Duration;

/// All of it, a line each.
pub(super) fn lines(summary: &Summary, folder: &Path, planned: u32) -> Vec<String> {
    let mut lines = vec![why(summary, planned), result(summary)];
    if let Some(epsilon) = summary.epsilon {
        lines.push(format!("privacy: epsilon {epsilon:.3} is spent"));
    }
    lines.push(format!("results in {}", folder.display()));
    lines
}

/// What may be done next; nothing more is trained where a rate has come to its end.
pub(super) fn next(summary: &Summary, folder: &Path, ranks: usize, grows: bool) -> Vec<String> {
    let program = program();
    let report = pasteable([program.as_os_str(), "report".as_ref(), folder.as_os_str()]);
    let mut lines = vec![format!("next: {report}")];
    if grows {
        lines.push(format!("      {}", more(&program, summary, folder, ranks)));
    }
    lines
}

/// How this program is started: by its name where a shell finds it by that.
fn program() -> OsString {
    let asked = || env::args_os().next().unwrap_or_else(|| NAME.into());
    let folders = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&folders)
        .map(|folder| folder.join(NAME))
        .find(|file| file.is_file());
    match (found.map(fs::canonicalize), env::current_exe()) {
        (Some(Ok(found)), Ok(own)) if starts(&found, &own) => NAME.into(),
        _ => asked(),
    }
}

/// Whether a program is this one, or what a package has in `bin` to start it.
fn starts(found: &Path, own: &Path) -> bool {
    let home = found.parent().and_then(Path::parent);
    found == own || home.is_some_and(|home| home.join("libexec").join(NAME) == own)
}

const NAME: &str = "fedmpi";

/// Why a run ended, and when.
fn why(summary: &Summary, planned: u32) -> String {
    let time = Duration::try_from_secs_f64(summary.total_seconds).map_or(String::new(), |time| {
        let long = time >= Duration::from_secs(100);
        format!(
            ", in {}",
            if long {
                screen::clock(time)
            } else {
                screen::seconds(time)
            }
        )
    });
    let Summary { reason, rounds, .. } = summary;
    match *rounds {
        all if all >= planned => format!("{reason}{time}"),
        some => format!("{reason} after {some} of {}{time}", counted(planned as usize, "round")),
    }
}

/// How good the model is.
fn result(summary: &Summary) -> String {
    let hash = &summary.model_hash;
    let (name, value) = summary.lead();
    if summary.final_test.is_empty() && value == 0.0 {
        return format!("final model {hash}");
    }
    let best = summary
        .best_round
        .zip(summary.best_test.first_key_value())
        .map(|(round, (best, value))| {
            let named = if best == name {
                String::new()
            } else {
                format!("{best} ")
            };
            format!(" (best {named}{} in round {round})", screen::metric(best, *value))
        });
    format!(
        "final test {name} {}{}, model {hash}",
        screen::metric(name, value),
        best.unwrap_or_default()
    )
}

/// How to go on for as long again, or with twice the privacy that is spent.
fn more(program: &OsString, summary: &Summary, folder: &Path, ranks: usize) -> String {
    let host = summary.ranks.first().map(|report| &report.host);
    let mut flags: Vec<OsString> = vec!["--resume".into(), folder.into()];
    let budget = spent(summary).map(|epsilon| (2.0 * epsilon).ceil().to_string());
    if budget.is_none() || summary.rounds >= summary.planned {
        let rounds = 2 * u64::from(summary.rounds);
        flags.extend(["--comm_round".into(), rounds.to_string().into()]);
    }
    if let Some(budget) = budget {
        flags.extend(["--epsilon".into(), budget.into()]);
    }
    if summary
        .ranks
        .iter()
        .any(|report| Some(&report.host) != host)
    {
        // How the hosts were said is not known.
        return format!("or go on: the same command with {}", pasteable(flags));
    }
    let np = ranks.to_string();
    let launch = ["launch", "-np", &np, "--"].map(AsRef::as_ref);
    let launch = if ranks > 1 { &launch[..] } else { &[] };
    let flags: Vec<&OsStr> = flags.iter().map(AsRef::as_ref).collect();
    pasteable([&[program.as_os_str()], launch, &flags].concat())
}

/// The privacy that is spent, where its budget has room for no more.
fn spent(summary: &Summary) -> Option<f64> {
    summary.epsilon.filter(|_| {
        summary
            .affordable
            .is_some_and(|rounds| rounds <= summary.rounds)
    })
}

/// A summary where none can be read: what this process knows itself.
pub(super) fn summary_of(
    rounds: u32,
    reason: String,
    test: Option<Metrics>,
    model_hash: String,
) -> Summary {
    let test = test.unwrap_or_default();
    Summary {
        rounds,
        reason,
        model_hash,
        final_test_accuracy: test.accuracy(),
        final_test_loss: test.loss(),
        final_test: test
            .shown()
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        total_seconds: f64::NAN,
        ..Summary::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::RankReport;
    use crate::screen::WIDTH;

    fn summary() -> Summary {
        let test = Metrics::default()
            .with("loss", 0.5, 1)
            .with("accuracy", 0.9759, 1);
        let ranks = ["a", "a", "a"].map(|host| RankReport {
            host: host.to_owned(),
            ..RankReport::default()
        });
        Summary {
            best_round: Some(49),
            best_test: [("accuracy".to_owned(), 0.9764)].into(),
            total_seconds: 6.9,
            ranks: ranks.into(),
            ..summary_of(
                50,
                "all 50 rounds are done".to_owned(),
                Some(test),
                "c66de5c21b9dc2ac".to_owned(),
            )
        }
    }

    #[test]
    fn a_run_says_why_it_ended_what_was_reached_and_where() {
        let told = lines(&summary(), Path::new("runs/a"), 50);
        let result =
            "final test accuracy 97.59 % (best 97.64 % in round 49), model c66de5c21b9dc2ac";
        assert_eq!(
            told,
            [
                "all 50 rounds are done, in 6.900 s",
                result,
                "results in runs/a"
            ]
        );
        let reason = "the target accuracy>=0.97 is reached".to_owned();
        let early = Summary {
            rounds: 27,
            reason,
            total_seconds: 4000.0,
            ..summary()
        };
        let told = lines(&early, Path::new("runs/a"), 87);
        assert_eq!(
            told[0],
            "the target accuracy>=0.97 is reached after 27 of 87 rounds, in 1:06:40"
        );
        assert!(told.iter().all(|line| line.chars().count() <= WIDTH));
        let unread = summary_of(3, "all 3 rounds are done".to_owned(), None, "f".to_owned());
        assert_eq!(
            lines(&unread, Path::new("r"), 3)[..2],
            ["all 3 rounds are done", "final model f"]
        );
    }

    #[test]
    fn a_program_is_called_by_its_name_where_that_starts_it() {
        let is_started = |found: &str, own: &str| starts(found.as_ref(), own.as_ref());
        assert!(is_started("/a/bin/fedmpi", "/a/bin/fedmpi"));
        assert!(is_started("/opt/f/bin/fedmpi", "/opt/f/libexec/fedmpi"));
        assert!(!is_started("/usr/bin/fedmpi", "/a/target/release/fedmpi"));
        assert!(!is_started("/a/target/debug/fedmpi", "/a/target/release/fedmpi"));
    }

    #[test]
    fn what_comes_next_can_be_pasted() {
        let program = OsString::from("bin/fedmpi");
        let next =
            |summary: &Summary, ranks| more(&program, summary, Path::new("my runs/a"), ranks);
        let flags = "--resume 'my runs/a' --comm_round 100";
        assert_eq!(next(&summary(), 3), format!("bin/fedmpi launch -np 3 -- {flags}"));
        let mut summary = summary();
        summary.ranks[2].host = "b".to_owned();
        assert_eq!(next(&summary, 3), format!("or go on: the same command with {flags}"));
        // With a budget more rounds are of no use by themselves.
        let mut private = Summary {
            rounds: 50,
            planned: 80,
            epsilon: Some(3.9),
            affordable: Some(50),
            ..summary.clone()
        };
        assert!(next(&private, 3).ends_with("--resume 'my runs/a' --epsilon 8"));
        private.planned = 50;
        assert!(next(&private, 3).ends_with("--comm_round 100 --epsilon 8"));
        private.affordable = Some(51);
        assert!(next(&private, 3).ends_with("'my runs/a' --comm_round 100"));
        // Alone, a rank is server and worker.
        summary.ranks.truncate(2);
        assert_eq!(next(&summary, 1), format!("bin/fedmpi {flags}"));
    }
}
