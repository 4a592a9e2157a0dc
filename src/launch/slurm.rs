//! A batch script for Slurm, filled in: the template of `scripts/slurm` with the wished resources,
//! the program that is running, and the training's flags.

use super::shell::pasteable;
use std::ffi::OsString;
use std::path::PathBuf;

const TEMPLATE: &str = include_str!("../../scripts/slurm/fedmpi.sbatch");
const DIRECTIVE: &str = "#SBATCH --";
/// The head of one job's script.
const HEAD: &str = "\
#!/usr/bin/env bash
# One job for Slurm, made by `fedmpi slurm-script`: a server and its workers on the nodes of the allocation. Submit it from
# any folder: sbatch FILE [MORE_FLAGS...]. What is relative is so to that folder; of a flag that comes twice the last wins.
";

/// The head of an array's.
const ARRAY_HEAD: &str = "\
#!/usr/bin/env bash
# One array job for Slurm, made by `fedmpi sweep`: each task trains one member of a sweep. Submit it in the folder where
# it was made, in which the sweep's flags name their files. A task that is put back into the queue goes on.
";

/// An array of jobs: the members of a sweep.
#[derive(Clone, Debug, PartialEq)]
pub struct SlurmArray {
    /// The sweep's folder, by its whole path.
    pub folder: PathBuf,
    /// Its members.
    pub members: usize,
    /// How many may run at once; none leaves it to Slurm.
    pub at_once: Option<usize>,
}

/// What is asked of Slurm.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SlurmJob {
    /// Directives by name, such as `nodes` and `2`; they replace the template's.
    pub directives: Vec<(String, String)>,
    /// Ranks on each node.
    pub ranks: usize,
    /// GPUs on each node; the ranks of a node are spread over them.
    pub gpus: usize,
    /// The program, by its whole path.
    pub program: PathBuf,
    /// A line of bash that makes what the program needs be found.
    pub environment: String,
    /// Flags of the training.
    pub training: Vec<OsString>,
    /// The sweep whose members are trained instead, if there is one.
    pub array: Option<SlurmArray>,
}

/// A wish that no script can hold.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum ScriptError {
    /// Not the name of an option.
    #[error("`{}` is no option of sbatch (hint: --sbatch account=physics)", .0.escape_debug())]
    Name(String),
    /// Signs that would end its line.
    #[error(
        "the value `{}` of --{name} holds a sign that ends a line (hint: one line)",
        .value.escape_debug()
    )]
    Value {
        /// The option.
        name: String,
        /// Its value.
        value: String,
    },
}

impl SlurmJob {
    /// The script; flags that it is submitted with come after its own.
    ///
    /// # Errors
    /// A directive that is none.
    pub fn script(&self) -> Result<String, ScriptError> {
        let mut wanted = self.directives.clone();
        if self.gpus > 0 {
            wanted.push(("gres".to_owned(), format!("gpu:{}", self.gpus)));
        }
        let (head, body): (Vec<&str>, Vec<&str>) =
            TEMPLATE.lines().partition(|line| line.starts_with('#'));
        if let Some(array) = &self.array {
            wanted.extend(array.directives());
        }
        let mut script = if self.array.is_some() {
            ARRAY_HEAD
        } else {
            HEAD
        }
        .to_owned();
        for line in head {
            match name(line).map(|name| (line, wanted.iter().position(|(wish, _)| wish == name))) {
                Some((_, Some(place))) => script += &directive(&wanted.remove(place))?,
                Some((line, None)) => script += &format!("{line}\n"),
                // The template's own comments.
                None => {}
            }
        }
        for wish in &wanted {
            script += &directive(wish)?;
        }
        for line in body {
            script += &self.filled_in(line);
        }
        Ok(script)
    }

    /// A line of the template with what is known here.
    fn filled_in(&self, line: &str) -> String {
        let known = line.split_once(['=', ' ']).map_or(line, |(first, _)| first);
        match known {
            "home" => String::new(),
            "." => format!("{}\n", self.environment),
            "run" | "if" if self.array.is_some() => String::new(),
            "program" => format!("program={}\n", pasteable([&self.program])),
            "exec" => self
                .array
                .as_ref()
                .map_or_else(|| self.last_line(line), SlurmArray::last_line),
            _ => format!("{line}\n"),
        }
    }

    /// The line that starts the job, after what it needs.
    fn last_line(&self, line: &str) -> String {
        let (mut before, mut flags) = (String::new(), String::new());
        if self.gpus > 0 {
            let on = |gpu| self.ranks / self.gpus + usize::from(gpu < self.ranks % self.gpus);
            let counts: Vec<String> = (0..self.gpus).map(|gpu| on(gpu).to_string()).collect();
            let each = format!("echo \"    $host: [{}]\"", counts.join(", "));
            before = format!(
                "mapping=$run.gpu_mapping.yaml\n\
                 mkdir -p \"$(dirname \"$run\")\"\n\
                 {{\n    \
                 echo \"mapping_default:\"\n    \
                 for host in $(scontrol show hostnames \"$SLURM_JOB_NODELIST\"); do {each}; done\n\
                 }} >\"$mapping\"\n"
            );
            flags = "--gpu_mapping_file \"$mapping\" ".to_owned();
        }
        if !self.training.is_empty() {
            flags += &pasteable(&self.training);
            flags.push(' ');
        }
        format!("{before}{}\n", line.replace("\"$@\"", &format!("{flags}\"$@\"")))
    }
}

impl SlurmArray {
    /// What Slurm is told, by name.
    fn directives(&self) -> [(String, String); 2] {
        let at_once = self
            .at_once
            .map_or(String::new(), |count| format!("%{count}"));
        let array = format!("0-{}{at_once}", self.members.saturating_sub(1));
        let output = self.folder.join("slurm-%A_%a.log");
        [
            ("array".to_owned(), array),
            ("output".to_owned(), output.display().to_string()),
        ]
    }

    /// The line that trains one member.
    fn last_line(&self) -> String {
        let folder = pasteable([&self.folder]);
        format!(
            "exec \"$program\" sweep --out_dir {folder} -np \"$SLURM_NTASKS\" --max_restarts 3 \
             --member \"$SLURM_ARRAY_TASK_ID\"\n"
        )
    }
}

/// The option in a line of a script's head.
fn name(line: &str) -> Option<&str> {
    line.strip_prefix(DIRECTIVE)?.split('=').next()
}

/// One line of a script's head; some options have no value.
fn directive((name, value): &(String, String)) -> Result<String, ScriptError> {
    let is_of_name =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    if name.is_empty() || name.starts_with('-') || !name.chars().all(is_of_name) {
        return Err(ScriptError::Name(name.clone()));
    }
    let quoted = shlex::try_quote(value)
        .ok()
        .filter(|_| !value.chars().any(char::is_control));
    let quoted = quoted.ok_or(ScriptError::Value {
        name: name.clone(),
        value: value.clone(),
    })?;
    let value = if value.is_empty() {
        String::new()
    } else {
        format!("={quoted}")
    };
    Ok(format!("{DIRECTIVE}{name}{value}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    fn wish(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn directives_replace_the_templates_and_new_ones_follow() {
        let directives = vec![
            wish("nodes", "4"),
            wish("comment", "a b"),
            wish("exclusive", ""),
        ];
        let training = words(&["--lr", "0.1", "--data_dir", "a b"]);
        let job = SlurmJob {
            directives,
            ranks: 3,
            training,
            ..SlurmJob::default()
        };
        let script = job.script().expect("plain");
        assert!(
            script.contains("#SBATCH --nodes=4\n") && !script.contains("--nodes=1"),
            "{script}"
        );
        assert!(
            script
                .contains("--output=fedmpi-%j.log\n#SBATCH --comment='a b'\n#SBATCH --exclusive\n"),
            "{script}"
        );
        assert!(
            script.ends_with("\"${folder[@]}\" --lr 0.1 --data_dir 'a b' \"$@\"\n"),
            "{script}"
        );
    }

    #[test]
    fn an_array_has_a_task_for_each_member() {
        let array = SlurmArray {
            folder: "/a b/sweep".into(),
            members: 6,
            at_once: Some(2),
        };
        let directives = vec![wish("nodes", "1"), wish("ntasks-per-node", "3")];
        let script = SlurmJob {
            directives,
            array: Some(array),
            ..SlurmJob::default()
        }
        .script()
        .expect("plain");
        assert!(script.contains("#SBATCH --array='0-5%2'\n"), "{script}");
        assert!(script.contains("#SBATCH --output='/a b/sweep/slurm-%A_%a.log'\n"), "{script}");
        let last = "exec \"$program\" sweep --out_dir '/a b/sweep' -np \"$SLURM_NTASKS\" \
                    --max_restarts 3 --member \"$SLURM_ARRAY_TASK_ID\"\n";
        assert!(script.ends_with(last) && !script.contains("FEDMPI_RUN"), "{script}");
    }

    #[test]
    fn a_wish_is_one_line() {
        let refused = |name: &str, value: &str| {
            let job = SlurmJob {
                directives: vec![wish(name, value)],
                ..SlurmJob::default()
            };
            job.script().expect_err("refused").to_string()
        };
        assert!(refused("time", "1\ntouch x").contains(r"`1\ntouch x` of --time"));
        assert!(refused("evil=1\nid", "").contains("no option of sbatch"));
        assert!(refused("-x", "1").contains("`-x`"));
    }

    #[test]
    fn ranks_are_spread_over_gpus() {
        let job = SlurmJob {
            ranks: 5,
            gpus: 4,
            training: words(&["--lr", "1"]),
            ..SlurmJob::default()
        };
        let script = job.script().expect("plain");
        assert!(
            script.contains("#SBATCH --gres=gpu:4\n") && script.contains("$host: [2, 1, 1, 1]"),
            "{script}"
        );
        assert!(script.contains("--gpu_mapping_file \"$mapping\" --lr 1 \"$@\""), "{script}");
    }

    #[test]
    fn the_program_that_runs_is_named_by_its_whole_path() {
        let (program, environment) = ("/a b/fedmpi".into(), ". /c/env.sh".to_owned());
        let script = SlurmJob {
            program,
            environment,
            ..SlurmJob::default()
        }
        .script()
        .expect("plain");
        assert!(script.contains("\n. /c/env.sh\nprogram='/a b/fedmpi'\ncd "), "{script}");
        assert!(
            script.contains("\nexec \"$program\" launch ") && !script.contains("FEDMPI_HOME"),
            "{script}"
        );
    }
}
