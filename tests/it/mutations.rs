//! What reads bytes from elsewhere survives whatever they are: every fuzz target over its corpus
//! and mutations of it. The fuzzer itself: `cargo +nightly fuzz run TARGET`.
//!
//! `FEDMPI_MUTATIONS=1000000 cargo test --release --test it mutations -- --nocapture` does more of
//! it.

#[path = "../../fuzz/targets.rs"]
mod targets;

use fedmpi::engine::peak_rss_mib;
use fedmpi::event::RankReport;
use fedmpi::ids::{ClientId, Round};
use fedmpi::message::{
    Content, Doing, Errand, Failure, Frame, Keeps, Order, Part, Reduce, Report, Scope, Update,
};
use fedmpi::metrics::Metrics;
use fedmpi::seed::{Purpose, Seed, Stream};
use fedmpi::weights::{Total, Turnout};
use rand::Rng;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use targets::TARGETS;

/// No input may take longer.
const LIMIT: Duration = Duration::from_secs(1);
/// Nor may a target take more memory, in MiB.
const MEMORY: f64 = 256.0;
const MUTATIONS: usize = 20_000;

fn corpus(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(name)
}

/// One to four damages: bits, bytes, stretches cut out, doubled, swapped or overwritten by what is
/// likely to hurt.
pub fn mutated(seed: &[u8], other: &[u8], stream: &mut Stream) -> Vec<u8> {
    const EVIL: [&[u8]; 9] = [
        &[0; 8],
        &[0; 64],
        &[255; 8],
        &[127, 255, 255, 255],
        &[128, 0, 0, 0],
        b"-1",
        b"99999999999999999999",
        b"&a [*a, *a]",
        b"{\"a\":",
    ];
    let mut bytes = seed.to_vec();
    for _ in 0..stream.random_range(1..5) {
        let place = stream.random_range(0..=bytes.len());
        let longest = if stream.random_bool(0.1) {
            bytes.len()
        } else {
            8
        };
        let end = (place + stream.random_range(0..=longest)).min(bytes.len());
        match stream.random_range(0..9) {
            0 if place < bytes.len() => bytes[place] ^= 1 << stream.random_range(0..8),
            1 if place < bytes.len() => bytes[place] = stream.random(),
            2 => _ = bytes.drain(place..end),
            3 => bytes.truncate(place),
            4 => {
                _ = bytes
                    .splice(place..end, EVIL[stream.random_range(0..EVIL.len())].iter().copied())
                    .count()
            }
            5 => bytes.extend_from_within(place..end),
            6 => bytes[place..end].rotate_left((end - place) / 2),
            7 => renumber(&mut bytes, place, stream),
            _ => {
                let tail = stream.random_range(0..=other.len());
                bytes.truncate(place);
                bytes.extend(&other[tail..]);
            }
        }
    }
    bytes
}

/// Another number in the place of the next that is written in digits.
fn renumber(bytes: &mut Vec<u8>, place: usize, stream: &mut Stream) {
    const NUMBERS: [&str; 8] = [
        "0",
        "-1",
        "1e39",
        "nan",
        "4294967295",
        "4294967296",
        "18446744073709551615",
        "1e999",
    ];
    let Some(start) = (place..bytes.len()).find(|&at| bytes[at].is_ascii_digit()) else {
        return;
    };
    let end = (start..bytes.len())
        .find(|&at| !bytes[at].is_ascii_digit())
        .unwrap_or(bytes.len());
    bytes.splice(start..end, NUMBERS[stream.random_range(0..NUMBERS.len())].bytes());
}

#[test]
fn mutated_inputs_never_panic_hang_or_take_much_memory() {
    let wanted = std::env::var("FEDMPI_MUTATIONS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(MUTATIONS);
    for (number, &(name, target)) in TARGETS.iter().enumerate() {
        let files = fs::read_dir(corpus(name)).unwrap_or_else(|_| panic!("{name} has no corpus"));
        let mut paths: Vec<PathBuf> = files.map(|file| file.expect("readable").path()).collect();
        paths.sort();
        let seeds: Vec<Vec<u8>> = paths
            .iter()
            .map(|path| fs::read(path).expect("readable"))
            .collect();
        assert!(!seeds.is_empty(), "{name} has no corpus");
        let mut stream = Seed(number as u64).stream(Purpose::Attend);
        let (before, began, mut longest) = (peak_rss_mib(), Instant::now(), Duration::ZERO);
        for input in 0..seeds.len() + wanted {
            let other = &seeds[stream.random_range(0..seeds.len())];
            let bytes = match seeds.get(input) {
                Some(seed) => seed.clone(),
                None => mutated(&seeds[input % seeds.len()], other, &mut stream),
            };
            let one = Instant::now();
            let caught = std::panic::catch_unwind(|| target(&bytes));
            assert!(caught.is_ok(), "{name} panics over {bytes:?}");
            assert!(one.elapsed() < LIMIT, "{name} takes {:?} over {bytes:?}", one.elapsed());
            longest = longest.max(one.elapsed());
        }
        let grown = peak_rss_mib() - before;
        println!(
            "{name}: {wanted} inputs in {:.1} s, longest {longest:?}, {grown:.0} MiB more",
            began.elapsed().as_secs_f64()
        );
        // Other tests of this process take memory too, unless this one runs alone for long.
        assert!(wanted == MUTATIONS || grown < MEMORY, "{name} took {grown} MiB");
    }
}

/// Corpora hold what is valid today: every one of them is still read, or still refused.
#[test]
fn corpora_of_messages_are_of_this_version() {
    let total = Total {
        samples: 77,
        clients: 3,
    };
    let new = Errand {
        client: ClientId(0),
        kept: Keeps::Nothing,
    };
    let kept = Errand {
        client: ClientId(300),
        kept: Keeps::Sent,
    };
    let held = Errand {
        client: ClientId(4),
        kept: Keeps::Held(Round(2)),
    };
    let (run, since) = ("0123456789abcdef".to_owned(), Some(Round(2)));
    let home = Errand {
        client: ClientId(5),
        kept: Keeps::AtHome {
            run,
            since,
            needed: vec![Round(1), Round(2)],
        },
    };
    let orders = [
        Order::Train {
            round: Round(3),
            pass: 1,
            total,
            rate: 1.0,
            errands: vec![new, kept, held, home],
            last: false,
        },
        Order::Reduce {
            round: Round(1),
            pass: 0,
            turnout: Turnout {
                told: total,
                counted: total.without(7),
            },
        },
        Order::Evaluate {
            round: Round(2),
            on: Scope::Pieces(3, 300),
        },
        Order::Model,
        Order::Ping,
        Order::Stop,
    ];
    let update = Update {
        client: ClientId(9),
        loss: 0.25,
        start: 0.5,
        seconds: 1.5,
        weight: 1.0,
        bits: 640,
    };
    let failed = Failure {
        client: ClientId(1),
        reason: "it diverged".into(),
        diverged: true,
        seconds: 0.5,
    };
    let part = |updates, failed| Part {
        updates,
        failed,
        last: true,
    };
    let reports = [
        Report::Hello {
            digest: "0123456789abcdef".into(),
            reduce: Reduce::Worker,
            host: "node1".into(),
        },
        Report::Trained {
            round: Round(4),
            pass: 0,
            part: part(vec![update; 3], Vec::new()),
        },
        Report::Alive {
            doing: Some(Doing {
                client: ClientId(9),
                trained: 3,
            }),
        },
        Report::Evaluated {
            round: Round(2),
            metrics: Metrics::default()
                .with("loss", 1.5, 4)
                .with("accuracy", 3.0, 4),
        },
        Report::Bye(RankReport {
            host: "node1".into(),
            device: "cpu".into(),
            ..RankReport::default()
        }),
        Report::Trained {
            round: Round(0),
            pass: 0,
            part: part(Vec::new(), vec![failed]),
        },
    ];
    let heads = orders
        .iter()
        .map(Frame::bare)
        .chain(reports.iter().map(Frame::bare))
        .map(|frame| frame.head);
    for (number, head) in heads.enumerate() {
        let path = corpus("message").join(number.to_string());
        if std::env::var("FEDMPI_NEW_CORPUS").is_ok() {
            fs::write(&path, &head).expect("writable");
        }
        let stored = fs::read(&path).expect("FEDMPI_NEW_CORPUS=1 writes the corpus anew");
        assert_eq!(stored, head, "{}", path.display());
        let frame = Frame {
            head: stored,
            content: Content::nothing(),
        };
        assert!(frame.decode::<Order>().is_ok() || frame.decode::<Report>().is_ok());
    }
}
