//! Who is chosen and refused without rounds, and files of async-FL.

use super::*;

#[test]
fn the_schedulers_and_check_ins_of_async_fl_run_to_the_end() {
    for (selection, c_ratio) in [
        ("uniform", 0.1),
        ("round_robin", 0.1),
        ("weighted", 0.1),
        ("uniform", 1.0),
    ] {
        let config = Config {
            scheduler_interval: 3,
            client_selection: selection.into(),
            c_ratio,
            checkin_num: 4,
            checkin_interval: 5,
            delay: "uniform:1,9/task".into(),
            comm_round: 30,
            ..asynchronous(small())
        };
        let plan = plan(config);
        let (wanted, memory) = quadratic(&plan, 1);
        assert_eq!(wanted.rounds, 30, "{selection}");
        assert!(
            arrivals(&memory)
                .iter()
                .any(|arrived| arrived.staleness > 0),
            "{selection}"
        );
        assert!(quadratic(&plan, 3).0 == wanted, "{selection}");
    }
}

/// The selectors are those of rounds: in turn means in turn.
#[test]
fn clients_are_selected_as_in_rounds() {
    let config = Config {
        client_selection: "round_robin".into(),
        delay: "constant:1".into(),
        concurrency: 3,
        ..asynchronous(small())
    };
    let (_, memory) = quadratic(&plan(config), 2);
    let turns: Vec<u32> = arrivals(&memory)
        .iter()
        .map(|arrived| arrived.client.0)
        .collect();
    assert_eq!(turns, (0..12).collect::<Vec<_>>());
}

#[test]
fn deadlocks_and_bad_delays_are_refused_before_training() {
    let refused = |config: Config| {
        Plan::resolve(config)
            .map(drop)
            .expect_err("refused")
            .to_string()
    };
    let base = || asynchronous(small());
    assert!(
        refused(Config {
            concurrency: 13,
            ..base()
        })
        .contains("--concurrency is 13")
    );
    let deadlock = Config {
        aggregator: rule("fedbuff", 5),
        ..base()
    };
    assert!(refused(deadlock).contains("only 4 clients train at once"));
    assert!(
        refused(Config {
            delay: "constant:-1".into(),
            ..base()
        })
        .contains("--delay_seconds is -1")
    );
    assert!(
        refused(Config {
            delay: "uniform:NaN,1".into(),
            ..base()
        })
        .contains("--delay_from is NaN")
    );
    assert!(
        refused(Config {
            aggregator: Some("median".into()),
            ..base()
        })
        .contains("`median` needs --mode sync")
    );
    assert!(
        refused(Config {
            aggregator: Some("fedasync:alpha=1.5".into()),
            ..base()
        })
        .contains("--alpha is 1.5")
    );
    let lines = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(lines.path(), "0 1\n").expect("writable");
    let fixed = format!("fixed:selection_file={}", lines.path().display());
    let fixed = Config {
        client_selection: fixed.as_str().into(),
        ..base()
    };
    assert!(refused(fixed).contains("--client_selection is fixed"));
}
