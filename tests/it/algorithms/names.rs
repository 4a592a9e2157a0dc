//! What methods are called, and where they make no sense.

use super::*;

#[test]
fn names_of_wholes_are_their_three_choices() {
    for preset in PRESETS {
        let whole = plan(Config {
            aggregator: Some(preset.name.into()),
            reduce: Reduce::Server,
            ..small()
        });
        let [algorithm, step, combine] = preset.build;
        let said = Config {
            algorithm: Some(algorithm.into()),
            server_step: Some(step.into()),
            combine: Some(combine.into()),
            reduce: Reduce::Server,
            ..small()
        };
        assert_eq!(whole.digest(), plan(said).digest(), "{}", preset.name);
    }
    let clash = Config {
        aggregator: Some("scaffold".into()),
        algorithm: Some("fedprox".into()),
        ..small()
    };
    assert!(
        Plan::resolve(clash)
            .expect_err("refused")
            .to_string()
            .contains("--algorithm is fedprox")
    );
}

#[test]
fn without_rounds_only_methods_without_memory_make_sense() {
    let run = |algorithm: &str, update: &str| {
        Plan::resolve(Config {
            mode: Mode::Async,
            algorithm: Some(algorithm.into()),
            update: update.parse().expect("a chain"),
            ..small()
        })
    };
    assert!(
        run("scaffold", "")
            .expect_err("refused")
            .to_string()
            .contains("--algorithm is scaffold")
    );
    assert!(
        run("fedavg", "topk")
            .expect_err("refused")
            .to_string()
            .contains("--update is topk")
    );
    for (algorithm, update) in [("fedprox", ""), ("fedavg", "clip:norm=0.5")] {
        let plan = run(algorithm, update).expect("makes sense");
        let wanted = quadratic(&plan, 1).0;
        assert!(
            [2, 3]
                .iter()
                .all(|workers| quadratic(&plan, *workers).0 == wanted),
            "{algorithm} {update}"
        );
    }
}

#[test]
fn an_empty_round_moves_no_server_step() {
    let config = Config {
        deadline: Some(1e-9),
        server_step: Some("momentum".into()),
        ..small()
    };
    let make = |_| -> Result<Box<dyn Trainer>, _> { Ok(Box::new(Quadratic::new(3, 0.5))) };
    let (outcome, memory): (_, Memory) = run_with(&plan(config), 2, make).expect("sound");
    assert!(
        outcome.weights.iter().all(|&weight| weight == 0.0)
            && memory.rounds().all(|done| done.clients == 0)
    );
}
