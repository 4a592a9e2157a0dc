//! What a newcomer meets first: the version, completions, the manual, a folder to begin with, and
//! configs.

use crate::support::{AS_ROOT, Finished, Job, mnist};
use fedmpi::config::{Config, Flags, Translation};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const PROGRAM: &str = env!("CARGO_BIN_EXE_fedmpi");

fn fedmpi(arguments: &[&str]) -> Finished {
    Finished::of(
        Command::new(PROGRAM)
            .args(arguments)
            .output()
            .expect("starts"),
    )
}

/// Runs lines of a shell in a folder, with the program where users have it.
fn shell(lines: &str, folder: &Path) -> Finished {
    let bin = Path::new(PROGRAM).parent().expect("a folder").to_owned();
    let others = std::env::var_os("PATH").unwrap_or_default();
    let path: OsString =
        std::env::join_paths([bin].into_iter().chain(std::env::split_paths(&others)))
            .expect("a path");
    let mut command = Command::new("timeout");
    command
        .args(["120", "bash", "-euo", "pipefail", "-c", lines])
        .current_dir(folder)
        .env("PATH", path)
        .envs(AS_ROOT);
    Finished::of(command.output().expect("bash runs"))
}

/// The commands of a page.
fn commands(page: &Path) -> String {
    let text = fs::read_to_string(page).expect("a page");
    let blocks = text
        .split("```sh\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap_or_default());
    blocks.collect()
}

#[test]
fn the_version_names_commit_and_libraries_without_mpi() {
    let short = fedmpi(&["-V"]).succeeded().stdout;
    let (name, commit) = short.trim_end().split_once(" (").expect("a commit");
    assert_eq!(name, concat!("fedmpi ", env!("CARGO_PKG_VERSION")));
    assert!(commit.trim_end_matches(')').len() >= 7 && short.lines().count() == 1, "{short}");
    let whole = fedmpi(&["--version"]).succeeded().stdout;
    assert_eq!(whole.lines().next(), Some(short.trim_end()));
    for (name, value) in [
        ("MPI", ""),
        ("libtorch", "2."),
        ("CUDA", ""),
        ("features", "mpi, torch"),
    ] {
        let found = whole.lines().any(|line| {
            line.strip_prefix(name)
                .is_some_and(|rest| rest.trim().starts_with(value))
        });
        assert!(found, "{name}: {whole}");
    }
    let job = Job::ranks(2).with("--version").run().succeeded();
    assert_eq!(job.stdout.matches("libtorch").count(), 1, "{}", job.stdout);
}

#[test]
fn shells_complete_flags_and_names_of_parts() {
    let folder = tempfile::tempdir().expect("a folder");
    let completed = |words: &str| {
        let count = words.split(' ').count();
        let lines = format!(
            "source <(fedmpi completions bash)\nCOMP_WORDS=({words}) COMP_CWORD={}\n\
             _fedmpi fedmpi \"${{COMP_WORDS[-1]}}\" \"${{COMP_WORDS[-2]}}\" || true\necho \"${{COMPREPLY[@]}}\"",
            count - 1
        );
        shell(&lines, folder.path())
            .succeeded()
            .stdout
            .trim()
            .to_owned()
    };
    assert_eq!(completed("fedmpi --comm_r"), "--comm_round");
    assert_eq!(completed("fedmpi --server_step ad"), "adam adagrad");
    assert_eq!(completed("fedmpi check --dataset fash"), "fashion-mnist");
    assert_eq!(completed("fedmpi comple"), "completions");
    for (name, sign) in [("zsh", "#compdef fedmpi"), ("fish", "complete -c fedmpi")] {
        let script = fedmpi(&["completions", name]).succeeded().stdout;
        assert!(script.contains(sign) && script.contains("comm_round"), "{name}");
    }
    assert_eq!(fedmpi(&["completions", "tcsh"]).code, Some(2));
}

/// Where there is that shell: it asks the script at every word, and is quiet when that fails.
#[test]
fn fish_completes_flags_and_names_of_parts() {
    let folder = tempfile::tempdir().expect("a folder");
    if shell("command -v fish", folder.path()).code != Some(0) {
        return;
    }
    for (words, wanted) in [
        ("fedmpi --comm_r", "--comm_round"),
        ("fedmpi --server_step=ad", "--server_step=adam"),
        ("fedmpi check --dataset=fash", "--dataset=fashion-mnist"),
        ("fedmpi comple", "completions"),
    ] {
        let lines = format!("fish -c \"fedmpi completions fish | source; complete -C '{words}'\"");
        let told = shell(&lines, folder.path()).succeeded().stdout;
        let mut words_told = told.lines().filter_map(|line| line.split('\t').next());
        assert!(words_told.any(|told| told == wanted), "{words}: {told}");
    }
}

#[test]
fn the_manual_has_a_page_for_each_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let pages = folder.path().join("man1");
    fedmpi(&["man", &pages.display().to_string()]).succeeded();
    let help = fedmpi(&["--help", "all"]).succeeded().stdout;
    let lines = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty());
    let names = lines
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !name.is_empty());
    for name in names.filter(|name| *name != "help") {
        let page = fs::read_to_string(pages.join(format!("fedmpi-{name}.1"))).expect(name);
        assert!(page.starts_with(".ie") && page.contains(".SH SYNOPSIS"), "{name}: {page}");
    }
    let whole = fs::read_to_string(pages.join("fedmpi.1")).expect("a page");
    assert!(whole.contains("comm\\_round") || whole.contains("comm_round"), "{whole}");
    assert!(!pages.join("fedmpi-tied.1").exists());
}

#[test]
fn a_new_folder_does_what_its_readme_says() {
    let parent = tempfile::tempdir().expect("a folder");
    let folder = parent.path().join("first steps");
    let made = shell("fedmpi new 'first steps'", parent.path()).succeeded();
    assert!(
        made.stdout
            .contains("cd 'first steps' && fedmpi launch -np 3 -- --cf config.yaml"),
        "{}",
        made.stdout
    );
    let readme = folder.join("README.md");
    assert!(fs::read_to_string(&readme).expect("text").lines().count() <= 14);
    let said = shell(&commands(&readme), &folder).succeeded();
    assert_eq!(said.stdout.matches("all 20 rounds are done").count(), 2, "{}", said.stdout);
    assert!(folder.join("runs/second/summary.json").exists());
    shell(
        "bash -n job.sbatch && fedmpi check --cf config.yaml --gpu_mapping_file gpu_mapping.yaml",
        &folder,
    )
    .succeeded();
    shell("fedmpi hostfile --to mpich mpi_host_file", &folder).succeeded();
    let config = fs::read(folder.join("config.yaml")).expect("there");
    let again = shell("fedmpi new 'first steps'", parent.path());
    assert_eq!(again.code, Some(2));
    assert!(again.stderr.contains("first steps is not empty"), "{}", again.stderr);
    assert_eq!(fs::read(folder.join("config.yaml")).expect("there"), config);
}

#[test]
fn a_new_folder_takes_mnist_where_it_is() {
    let parent = tempfile::tempdir().expect("a folder");
    let [folder, other] = ["a", "b"].map(|name| parent.path().join(name).display().to_string());
    fedmpi(&["new", &folder, "--mnist", &mnist().display().to_string()]).succeeded();
    let said = shell(
        "fedmpi --cf config.yaml --comm_round 1 --client_num_per_round 2",
        Path::new(&folder),
    )
    .succeeded();
    assert!(said.stdout.contains("its only round is done"), "{}", said.stdout);
    let wrong = fedmpi(&["new", &other, "--mnist", &folder]);
    assert_eq!((wrong.code, Path::new(&other).exists()), (Some(2), false), "{}", wrong.stderr);
}

fn resolved(file: &Path) -> Config {
    let config = Config::resolve(&Flags {
        cf: Some(file.to_owned()),
        ..Flags::default()
    })
    .expect("sound");
    Config {
        translation: Translation::default(),
        idle: Vec::new(),
        ..config
    }
}

#[test]
fn what_config_prints_is_the_same_config() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let written = |name: &str, arguments: &[&str]| -> PathBuf {
        let file = folder.path().join(name);
        fs::write(&file, fedmpi(arguments).succeeded().stdout).expect("writable");
        file
    };
    for name in ["mnist_2nn", "fedml_mpi", "cv", "nlg_gru"] {
        let theirs = root.join(format!("configs/{name}.yaml"));
        let path = theirs.display().to_string();
        let ours = written("ours.yaml", &["config", "--from", &path]);
        assert_eq!(resolved(&ours), resolved(&theirs), "{name}");
        let all = written("all.yaml", &["config", "--print", "--cf", &path]);
        assert_eq!(resolved(&all), resolved(&theirs), "{name}");
        let text = fs::read_to_string(&all).expect("text");
        assert!(
            !text.contains("null")
                && text
                    .lines()
                    .all(|line| line.contains('#') || line.ends_with(':')),
            "{text}"
        );
    }
    let fedml = root.join("configs/fedml_mpi.yaml").display().to_string();
    let text = fedmpi(&["config", "--print", "--cf", &fedml, "--epochs", "2"])
        .succeeded()
        .stdout;
    for (setting, origin) in [
        ("client_selection: fedml", "as FedML has it"),
        ("epochs: 2", "flag"),
        ("seed: 0", ", random_seed"),
    ] {
        let line = text
            .lines()
            .find(|line| line.starts_with(setting))
            .expect(setting);
        assert!(line.ends_with(origin), "{line}");
    }
}

#[test]
fn the_page_about_configs_runs_as_it_stands() {
    let folder = tempfile::tempdir().expect("a folder");
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/config.md");
    let said = shell(&commands(&page), folder.path()).succeeded().stdout;
    for words in [
        "# flag",
        "as FedML has it",
        "\"$schema\"",
        "all 3 rounds are done",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
}
