//! A report as one page of HTML, which needs nothing beside itself: no script, no letters, no
//! request.

use super::axis::By;
use super::clients::{Client, Spread};
use super::figure::{Figure, STYLE, on_page};
use super::reported::Reported;
use super::sections::Report;
use super::words::{NONE, short, short_or_none, time};
use crate::event::Standing;
use crate::ids::counted;
use crate::record::{CLIENTS, SUMMARY};
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// How the page looks.
const LOOK: &str = include_str!("page.css");
/// Browsers are told that nothing is to be fetched.
const ALONE: &str = "default-src 'none'; style-src 'unsafe-inline'";
/// Letters of hashes that are shown.
const HASH: usize = 12;
/// Settings that are columns beside the figures of runs; more of them are a table of their own.
const COLUMNS: usize = 4;

/// The page.
pub fn page(report: &Report<'_>) -> String {
    let runs = report.runs;
    let title = match runs {
        [run] => format!("Run {}", run.name),
        _ => format!("{} runs", runs.len()),
    };
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(ALONE);
                title { (title) ", fedmpi" }
                style { (PreEscaped(LOOK)) (PreEscaped(STYLE)) (PreEscaped(choices(report))) }
            }
            body {
                main {
                    h1 { (title) }
                    p class="soft" { (task(runs)) }
                    (headline(report))
                    (differences(report))
                    (curves(report))
                    (clients(report))
                    (workers(report))
                    (section("Staleness", "How often the model had moved between a client's getting it and its update.", &report.staleness))
                    (privacy(report))
                    (partition(report))
                    (environments(runs))
                    (configs(runs))
                }
            }
        }
    };
    page.into_string()
}

/// What is trained on what, where all runs do the same.
fn task(runs: &[Reported]) -> String {
    let mut said = Vec::new();
    for (words, name) in [
        ("model ", "model"),
        ("data ", "dataset"),
        ("divided by ", "partition_method"),
    ] {
        if let Some(value) = shared(runs, name) {
            said.push(format!("{words}{value}"));
        }
    }
    said.join(", ")
}

/// A setting's value, where all runs have the same.
fn shared<'a>(runs: &'a [Reported], name: &str) -> Option<&'a str> {
    let value = runs[0].settings.get(name)?;
    let is_shared = runs.iter().all(|run| run.settings.get(name) == Some(value));
    is_shared.then_some(value)
}

/// What each choice of an axis shows.
fn choices(report: &Report<'_>) -> String {
    let shown = |(by, _): &(By, Vec<Figure>)| {
        format!("#by-{0}:checked ~ .along-{0} {{ display: grid; }}\n", by.word())
    };
    report.curves.iter().map(shown).collect()
}

fn headline(report: &Report<'_>) -> Markup {
    let runs = report.runs;
    let beside = if report.differ.len() <= COLUMNS {
        &report.differ[..]
    } else {
        &[]
    };
    html! {
        @if let [run] = runs { (tiles(run)) }
        div class="wide" { table {
            thead { tr {
                th { "run" } th class="word" { "state" } th class="word" { "method" } th { "result" } th { "best" }
                th { "test loss" } th { "rounds" } th { "workers" } th { "time" } th { "virtual" } th { "used" }
                @for name in beside { th { (name) } }
                th class="word" { "model" }
            } }
            tbody { @for run in runs { tr {
                td { (run.name) }
                td class={ "word " (run.standing()) } { (run.standing()) }
                td class="word" { (run.method()) }
                td { (lead(run)) }
                td { (best(run)) }
                td { (short_or_none(run.test().map(|test| test.loss()))) }
                td { (rounds(run)) }
                td { (run.workers()) }
                td { (time(run.seconds())) }
                td { (run.last().map_or(NONE.to_owned(), |done| time(done.clock))) }
                td { (run.utilised().map_or(NONE.to_owned(), percent)) }
                @for name in beside { td { (run.settings.get(name).map_or(NONE, String::as_str)) } }
                td class="word hash" title=(hash(run)) { (hash(run).chars().take(HASH).collect::<String>()) }
            } } }
        } }
        @for run in runs.iter().filter(|run| run.standing() != Standing::Finished) {
            p class="reason" { b { (run.name) " " (run.standing()) } " after " (counted(run.history.rounds.len(), "round"))
                @if !run.reason().is_empty() { ": " (run.reason()) } }
        }
        p class="soft" { "Used: share of the workers' time that was spent on training. Equal models have equal hashes." }
    }
}

/// The figures that matter of one run.
fn tiles(run: &Reported) -> Markup {
    let result = run.test().map(|test| test.lead());
    let tiles = [
        (run.standing().to_string(), "state".to_owned()),
        (
            short_or_none(result.map(|(_, value)| value)),
            format!("test {}", result.map_or("result", |(name, _)| name)),
        ),
        (rounds(run), "rounds".to_owned()),
        (time(run.seconds()), format!("on {}", counted(run.workers(), "worker"))),
        (hash(run).chars().take(HASH).collect(), "model".to_owned()),
    ];
    html! { ul class="tiles" { @for (value, name) in &tiles { li { b { (value) } span { (name) } } } } }
}

fn lead(run: &Reported) -> String {
    run.test().map_or(NONE.to_owned(), |test| {
        let (name, value) = test.lead();
        format!("{name} {}", short(value))
    })
}

/// The best evaluation by the metric that says most, and when it was.
fn best(run: &Reported) -> String {
    let tests = run
        .history
        .rounds
        .iter()
        .filter_map(|done| Some((done.round, done.test.as_ref()?)));
    let found = tests.reduce(|one, other| {
        let ((_, so_far), (_, next)) = (one.1.lead(), other.1.lead());
        if other.1.aim().prefers(next, so_far) {
            other
        } else {
            one
        }
    });
    found.map_or(NONE.to_owned(), |(round, test)| {
        format!("{} (round {round})", short(test.lead().1))
    })
}

fn rounds(run: &Reported) -> String {
    let (done, planned) = (run.history.rounds.len(), run.planned() as usize);
    if done == planned || planned == 0 {
        done.to_string()
    } else {
        format!("{done} of {planned}")
    }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

fn hash(run: &Reported) -> &str {
    run.last().map_or(NONE, |done| done.model_hash.as_str())
}

/// A table of settings that differ, where there are too many for the headline.
fn differences(report: &Report<'_>) -> Markup {
    html! { @if report.differ.len() > COLUMNS {
        h2 { "What differs" }
        div class="wide" { table {
            thead { tr { th { "setting" } @for run in report.runs { th { (run.name) } } } }
            tbody { @for name in &report.differ { tr {
                td { (name) }
                @for run in report.runs { td { (run.settings.get(name).map_or(NONE, String::as_str)) } }
            } } }
        } }
    } }
}

fn curves(report: &Report<'_>) -> Markup {
    let seeds = report.groups.iter().any(|group| group.members.len() > 1);
    html! {
        h2 { "Curves" }
        @if report.curves.is_empty() { p { "No round is done." } }
        @if seeds { p { "Runs that differ only in their seed are one line: their mean, and a band of one standard deviation \
            to either side. Rounds count that all of them have evaluated." } }
        section {
            @for (place, (by, _)) in report.curves.iter().enumerate() {
                input class="axis" type="radio" name="by" id={ "by-" (by.word()) } checked[place == 0];
                label for={ "by-" (by.word()) } { "over " (by.title()) }
            }
            @for (by, drawn) in &report.curves {
                div class={ "figures along along-" (by.word()) } { @for figure in drawn { (shown(figure)) } }
            }
        }
    }
}

fn clients(report: &Report<'_>) -> Markup {
    html! { @if !report.distribution.is_empty() {
        h2 { "Clients" }
        p { "Of each client the last training loss counts. The worst tenth are the clients with the highest." }
        div class="wide" { table {
            thead { tr { th { "run" } th { "clients trained" } th { "mean loss" } th { "worst tenth" } th { "smallest tenth" }
                th { "times trained (least, median, most)" } th class="word" { "slowest (seconds a training)" } } }
            tbody { @for (run, (spread, slow)) in report.runs.iter().zip(&report.clients) { (row(run, spread, slow)) } }
        } }
        (figures(&report.distribution))
    } }
}

fn row(run: &Reported, spread: &Spread, slow: &[Client]) -> Markup {
    let [least, median, most] = spread.times;
    let slow: Vec<String> = slow
        .iter()
        .map(|client| format!("{}: {}", client.id, short(client.seconds)))
        .collect();
    html! { tr {
        td { (run.name) } td { (spread.clients) } td { (short_or_none(spread.loss)) } td { (short_or_none(spread.worst)) }
        td { (short_or_none(spread.smallest)) } td { (least) ", " (median) ", " (most) } td class="word" { (slow.join(", ")) }
    } }
}

fn workers(report: &Report<'_>) -> Markup {
    html! { @if !report.schedule.is_empty() || !report.timelines.is_empty() {
        h2 { "Workers" }
        (figures(&report.schedule))
        @if !report.timelines.is_empty() {
            p { "A lane for each worker, a bar for each training; what is white is waiting. Very short trainings share a bar." }
            @for (place, (name, drawn)) in report.timelines.iter().enumerate() {
                details open[place == 0] { summary { (name) } (figures(drawn)) }
            }
        }
    } }
}

fn privacy(report: &Report<'_>) -> Markup {
    html! { @if let Some(figure) = &report.privacy {
        h2 { "Privacy" }
        p { "Whoever sees the models, and does not know the seed, learns of any one client no more than epsilon allows, but with \
            chance delta. Losses and counts of clients that this page shows are not covered." }
        div class="wide" { table class="long" {
            thead { tr { th { "run" } th class="word" { "epsilon" } th class="word" { "under" } } }
            tbody { @for run in report.runs { @if let Some((epsilon, terms)) = run.privacy() {
                tr { td { (run.name) } td { (short(epsilon)) } td { (terms) } }
            } } }
        } }
        (shown(figure))
    } }
}

fn partition(report: &Report<'_>) -> Markup {
    html! {
        h2 { "Partition" }
        @if report.partitions.is_empty() { p { "These runs have no " code { (CLIENTS) } ", which says who owns what." } }
        (figures(&report.partitions))
    }
}

fn section(title: &str, about: &str, of: &[Figure]) -> Markup {
    html! { @if !of.is_empty() { h2 { (title) } p { (about) } (figures(of)) } }
}

fn figures(of: &[Figure]) -> Markup {
    html! { div class="figures" { @for figure in of { (shown(figure)) } } }
}

fn shown(figure: &Figure) -> Markup {
    html! { figure id=(figure.name) { figcaption { (figure.title) } (PreEscaped(on_page(&figure.drawing))) } }
}

fn environments(runs: &[Reported]) -> Markup {
    html! {
        h2 { "Environment" }
        @for run in runs {
            details open[runs.len() == 1] {
                summary { (run.name) }
                div class="wide" { table class="long" { tbody {
                    @for (name, value) in super::environment::environment(run) { tr { td { (name) } td { (value) } } }
                } } }
            }
        }
    }
}

fn configs(runs: &[Reported]) -> Markup {
    html! {
        h2 { "Configs" }
        p { "Each repeats its run: " code { "mpirun -np N fedmpi --cf config.yaml" } "." }
        @for run in runs { details { summary { (run.name) } pre { (run.config) } } }
        p class="soft" { "Written by fedmpi " (env!("CARGO_PKG_VERSION")) " from journals, configs and " (SUMMARY) "." }
    }
}
