//! What clients send, and what the cluster carries.

use crate::support::{plan, quadratic, run_with, small};
use fedmpi::config::Config;
use fedmpi::message::Reduce;
use fedmpi::train::{Quadratic, Trainer};

#[test]
fn what_clients_send_and_what_the_cluster_carried_are_two_figures() {
    let sent = |update: &str, reduce| {
        let update = update.parse().expect("a chain");
        let (_, memory) = quadratic(
            &plan(Config {
                update,
                reduce,
                ..small()
            }),
            2,
        );
        memory
            .rounds()
            .map(|done| (done.client_bytes, done.cluster_bytes))
            .collect::<Vec<_>>()
    };
    // Sixteen floats, padding included, of five clients; then 8 values with their places of four
    // bits.
    assert!(
        sent("", Reduce::Worker)
            .iter()
            .all(|(clients, cluster)| *clients == 5 * 64 && *cluster > 0)
    );
    let sparse: Vec<u64> = sent("topk:share=0.5", Reduce::Server)
        .iter()
        .map(|(clients, _)| *clients)
        .collect();
    assert_eq!(sparse, [5 * 8 * (32 + 4) / 8; 3]);
    let cluster = |update, reduce| sent(update, reduce)[1].1;
    assert!(cluster("", Reduce::Server) != cluster("", Reduce::Worker));
}

#[test]
fn what_was_not_chosen_does_not_travel() {
    // Wide enough that heartbeats and the digits of a time, which differ from run to run, are
    // nothing beside it.
    const WIDTH: usize = 10_000;
    let [few, many] = ["topk:share=0.1", "topk:share=0.9"].map(|update| {
        let update = update.parse().expect("a chain");
        // Who trains whom, and so what clients keep that travels, does not depend on the time that
        // things take.
        let config = Config {
            update,
            reduce: Reduce::Server,
            // Of which each change is seen by itself: else threads add to the server's sum.
            combine: Some("median".into()),
            scheduler: "round_robin".into(),
            ..small()
        };
        let plan = plan(config);
        let make = |_| Ok(Box::new(Quadratic::new(WIDTH, 0.5)) as Box<dyn Trainer>);
        let (_, memory) = run_with(&plan, 2, make).expect("a sound run");
        memory.rounds().map(|done| done.cluster_bytes).sum::<u64>()
    });
    // In three rounds five clients each send a tenth of the values with their places, or all.
    let saved = 3 * 5 * (WIDTH as u64 * 4 * 8 / 10);
    assert!(many - few > saved / 2 && many - few < saved, "{few} {many}");
}
