use super::super::seen::Worker;
use super::super::tally::Effort;
use super::*;
use crate::ids::{ClientId, Rank};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

/// A run of 64 workers in the middle of its eleventh round.
fn running() -> Seen {
    let curve = |value: fn(f64) -> f64| {
        (1..=10)
            .map(f64::from)
            .map(|round| (round, value(round)))
            .collect()
    };
    let worker = |rank| Worker {
        rank: Rank(rank),
        host: format!("node{:02}.cluster.example.org", rank / 8),
        client: (rank % 4 > 0).then_some(ClientId(rank * 10)),
        done: 3,
        busy: Some(f64::from(rank % 8) / 7.0),
        lost: rank == 64,
    };
    Seen {
        name: "20261126-092156-mnist-cnn".to_owned(),
        what: "cnn, mnist, 1000 clients (hetero), 65 ranks on 9 hosts".to_owned(),
        standing: Standing::Running,
        done: 10,
        planned: 50,
        clients: Some((7, 100)),
        seconds: 63.0,
        left: Some(200.0),
        accuracy: curve(|round| 1.0 - 0.9 / round),
        loss: curve(|round| 2.3 / round),
        train_loss: curve(|round| 2.0 / round),
        workers: (1..=64).map(worker).collect(),
        slowest: vec![(
            ClientId(17),
            Effort {
                times: 3,
                seconds: 6.0,
                samples: 600,
                loss: 0.25,
            },
        )],
        ..Seen::default()
    }
}

fn drawn(seen: &Seen, (columns, rows): (u16, u16), page: usize, help: bool) -> String {
    let view = View {
        seen,
        page,
        help,
        trouble: None,
        keys: true,
    };
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).expect("in memory");
    terminal
        .draw(|frame| frame.render_widget(&view, frame.area()))
        .expect("in memory");
    terminal.backend().to_string()
}

fn says(picture: &str, words: &[&str]) {
    words
        .iter()
        .for_each(|words| assert!(picture.contains(words), "{words} is not in\n{picture}"));
}

#[test]
fn eighty_columns_hold_head_curves_workers_and_clients() {
    let picture = drawn(&running(), (80, 24), 0, false);
    says(
        &picture,
        &[
            "20261126-092156-mnist-cnn  running",
            "1:03, left 3:20",
            "round 10/50",
            "7 of 100 clients",
        ],
    );
    says(
        &picture,
        &[
            "accuracy 91.00 % ─",
            "loss test 0.2300  training 0.2000",
            "⠁",
        ],
    );
    says(
        &picture,
        &[
            "48 of 64 at work (page 1 of ",
            "   1 node00          10    3 █░░░░░░░ 14 %",
        ],
    );
    says(&picture, &["     17     3     600  2.000 0.25", "q leaves, ? helps"]);
}

#[test]
fn wide_terminals_hold_all_workers_and_narrow_ones_turn_pages() {
    let wide = drawn(&running(), (200, 50), 0, false);
    says(
        &wide,
        &[
            "  64 node08           -    3 lost",
            " workers 48 of 64 at work ──",
        ],
    );
    let last = drawn(&running(), (80, 24), usize::MAX, false);
    says(&last, &["  64 node08           -    3 lost"]);
    assert!(!last.contains("   1 node00"));
}

#[test]
fn no_size_is_too_small_and_no_run_too_young_or_too_odd() {
    let odd = Seen {
        accuracy: vec![(1.0, 0.5)],
        loss: vec![(1.0, 1e30)],
        planned: 0,
        ..running()
    };
    for seen in [running(), Seen::default(), odd] {
        for columns in [1, 2, 20, 60, 61, 99, 300] {
            for rows in [1, 2, 15, 16, 17, 40] {
                drawn(&seen, (columns, rows), 3, true);
            }
        }
    }
    says(&drawn(&running(), (40, 10), 0, false), &["running: round 10/50", "60 x 16 is enough"]);
    says(&drawn(&Seen::default(), (80, 24), 0, false), &["nothing is evaluated yet"]);
}

#[test]
fn the_foot_says_why_a_run_ended_and_that_one_is_silent() {
    let reason = "client 5 returned NaN".to_owned();
    let failed = Seen {
        standing: Standing::Failed,
        reason,
        left: None,
        clients: None,
        ..running()
    };
    says(&drawn(&failed, (80, 24), 0, false), &["failed: client 5 returned NaN", "last busy"]);
    says(
        &drawn(
            &Seen {
                quiet: 34.0,
                ..running()
            },
            (80, 24),
            0,
            false,
        ),
        &["nothing new for 34 s"],
    );
    says(&drawn(&running(), (80, 24), 0, true), &["keys and words", "leave; the run goes on"]);
}

#[test]
fn a_text_is_as_high_as_all_workers_need() {
    let seen = running();
    let view = View {
        seen: &seen,
        page: 0,
        help: false,
        trouble: None,
        keys: false,
    };
    for columns in [80, 200] {
        let area = Rect::new(0, 0, columns, view.whole_height(columns));
        let mut buffer = Buffer::empty(area);
        view.render(area, &mut buffer);
        let picture: String = buffer.content.iter().map(|cell| cell.symbol()).collect();
        says(&picture, &["   1 node00", "  64 node08"]);
    }
}
