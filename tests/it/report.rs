//! `fedmpi report` and `fedmpi compare` over real runs, and the page in a real browser where there
//! is one.

use crate::support::{Finished, Job};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs `fedmpi` without a launcher.
fn fedmpi(arguments: &[&str]) -> Finished {
    Finished::of(
        Command::new(env!("CARGO_BIN_EXE_fedmpi"))
            .args(arguments)
            .output()
            .expect("it starts"),
    )
}

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

/// Two runs that differ in their seed, and one that failed.
fn runs(parent: &Path) -> [PathBuf; 3] {
    let folders = ["a", "b", "c"].map(|name| parent.join(name));
    let flags = "--comm_round 6 --client_num_in_total 24 --client_num_per_round 8 --client_optimizer sgd:lr=";
    for (folder, own) in folders.iter().zip([
        "0.03 --seed 0",
        "0.03 --seed 1",
        "0.03 --server_step sgd:server_lr=1e300",
    ]) {
        Job::ranks(3)
            .with(&format!("{flags}{own}"))
            .path("--out_dir", folder)
            .run();
    }
    folders
}

#[test]
fn two_seeds_and_a_failed_run_become_a_page_figures_and_a_table() {
    let parent = tempfile::tempdir().expect("a folder");
    let folders = runs(parent.path());
    let [a, b, c] = folders.each_ref().map(|folder| text(folder));
    let figures = parent.path().join("figures");
    let said = fedmpi(&["report", a, b, c, "--figures", text(&figures)])
        .succeeded()
        .stdout;
    assert!(said.contains("report of 3 runs in") && said.contains("files of figures"), "{said}");
    let page = fs::read_to_string(folders[0].join("report.html")).expect("written");
    for words in [
        "failed",
        "the server&#39;s step",
        "server_lr",
        "2 seeds",
        "over virtual time",
        "timeline",
        "<svg",
    ] {
        let plain = words.replace("&#39;", "'");
        assert!(page.contains(words) || page.contains(&plain), "{words}");
    }
    // Nothing is fetched, and no ink is left that is no colour.
    let outside = page.replace("http://www.w3.org/2000/svg", "");
    for word in [
        "http:", "https:", "<script", "src=", "@import", "url(", "\"#0100", "\"#0200", "NaN",
    ] {
        assert!(!outside.contains(word), "{word}");
    }
    for name in [
        "test_accuracy_by_rounds",
        "efficiency",
        "clients_loss",
        "partition_a",
    ] {
        for end in ["svg", "png", "pdf", "csv"] {
            assert!(figures.join(format!("{name}.{end}")).exists(), "{name}.{end}");
        }
    }
    let picture = parent.path().join("both.pdf");
    let table = parent.path().join("both.csv");
    let group = [
        "--group_by",
        "seed",
        "--by",
        "seconds",
        "--svg",
        text(&picture),
        "--csv",
        text(&table),
    ];
    let said = fedmpi(&[&["compare", a, b, c][..], &group].concat())
        .succeeded()
        .stdout;
    assert!(
        said.contains("2 seeds") && said.contains("±") && said.contains("c failed in round 1: "),
        "{said}"
    );
    assert!(
        said.lines()
            .take_while(|line| !line.starts_with("table in"))
            .all(|line| line.chars().count() <= 80),
        "{said}"
    );
    assert!(fs::read(&picture).expect("drawn").starts_with(b"%PDF"));
    assert!(
        fs::read_to_string(&table)
            .expect("written")
            .contains("server_lr")
    );
    in_a_browser(&folders[0].join("report.html"), parent.path());
}

#[test]
fn what_is_no_run_or_no_picture_is_refused_with_a_hint() {
    let parent = tempfile::tempdir().expect("a folder");
    for (arguments, said) in [
        (&["report", text(parent.path())][..], "no run that has begun"),
        (&["compare", text(parent.path()), "--svg", "x.gif"], "SVG, PNG or PDF"),
        (&["compare", "nowhere"], "there is no run nowhere"),
        (&["compare", "x", "--by", "rounds", "--by_rounds"], "cannot be used with"),
    ] {
        let finished = fedmpi(arguments);
        assert!(
            finished.code != Some(0) && finished.stderr.contains(said),
            "{said}: {}",
            finished.stderr
        );
    }
}

/// A browser, where one is installed.
fn browser() -> Option<&'static str> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    names.into_iter().find(|name| {
        Command::new(name)
            .arg("--version")
            .output()
            .is_ok_and(|output| output.status.success())
    })
}

/// The page has figures with lines in them, and nothing to complain about.
fn in_a_browser(page: &Path, folder: &Path) {
    let Some(browser) = browser() else { return };
    let picture = folder.join("page.png");
    let headless = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--enable-logging=stderr",
    ];
    let shown = |arguments: &[String]| {
        let output = Command::new("timeout")
            .args(["60", browser])
            .args(headless)
            .arg(format!("--user-data-dir={}", folder.join("profile").display()))
            .args(arguments)
            .arg(format!("file://{}", page.display()))
            .output();
        Finished::of(output.expect("it starts")).succeeded()
    };
    let dom = shown(&["--dump-dom".into()]);
    assert!(
        dom.stdout.matches("<svg").count() > 10 && dom.stdout.contains("</html>"),
        "{}",
        dom.stderr
    );
    assert!(!dom.stderr.contains("CONSOLE"), "{}", dom.stderr);
    shown(&[
        format!("--screenshot={}", picture.display()),
        "--window-size=1280,2400".into(),
    ]);
    let mut reader = png::Decoder::new(std::io::Cursor::new(fs::read(&picture).expect("taken")));
    reader.set_transformations(png::Transformations::ALPHA);
    let mut reader = reader.read_info().expect("a PNG");
    let mut pixels = vec![0; reader.output_buffer_size().expect("small")];
    reader.next_frame(&mut pixels).expect("a picture");
    // The colour of the first line, on white or on black.
    let is_of_a_line = |pixel: &&[u8]| {
        [[0, 114, 178], [79, 168, 224]]
            .iter()
            .any(|colour| pixel[..3] == colour[..])
    };
    let drawn = pixels.chunks_exact(4).filter(is_of_a_line).count();
    assert!(drawn > 200, "{drawn}");
}
