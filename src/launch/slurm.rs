//! A batch script for Slurm, filled in: the template of `scripts/slurm` with the wished resources and
//! the training's flags.

const TEMPLATE: &str = include_str!("../../scripts/slurm/fedmpi.sbatch");
const DIRECTIVE: &str = "#SBATCH --";

/// What is asked of Slurm.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SlurmJob {
    /// Directives by name, such as `nodes` and `2`; they replace the template's.
    pub directives: Vec<(String, String)>,
    /// Ranks on each node.
    pub ranks: usize,
    /// GPUs on each node; the ranks of a node are spread over them.
    pub gpus: usize,
    /// Flags of the training.
    pub training: Vec<String>,
}

impl SlurmJob {
    /// The script; flags that it is submitted with come after its own.
    ///
    /// # Errors
    /// A flag that no shell can take.
    pub fn script(&self) -> Result<String, shlex::QuoteError> {
        let training = shlex::try_join(self.training.iter().map(String::as_str))?;
        let mut wanted = self.directives.clone();
        if self.gpus > 0 {
            wanted.push(("gres".to_owned(), format!("gpu:{}", self.gpus)));
        }
        let name = |line: &str| Some(line.strip_prefix(DIRECTIVE)?.split('=').next()?.to_owned());
        let last = TEMPLATE.lines().filter(|line| name(line).is_some()).count();
        let mut seen = 0;
        let mut script = String::new();
        for line in TEMPLATE.lines() {
            seen += usize::from(name(line).is_some());
            let given = name(line).and_then(|name| wanted.iter().position(|(wanted, _)| *wanted == name));
            match given.map(|place| wanted.remove(place)) {
                Some(wish) => script += &directive(&wish),
                None if line.starts_with("exec ") => script += &self.last_line(line, &training),
                None => script += &format!("{line}\n"),
            }
            if seen == last {
                wanted.drain(..).for_each(|wish| script += &directive(&wish));
            }
        }
        Ok(script)
    }

    /// The line that starts the job, after what it needs.
    fn last_line(&self, line: &str, training: &str) -> String {
        let (mut before, mut flags) = (String::new(), String::new());
        if self.gpus > 0 {
            let on = |gpu| self.ranks / self.gpus + usize::from(gpu < self.ranks % self.gpus);
            let counts: Vec<String> = (0..self.gpus).map(|gpu| on(gpu).to_string()).collect();
            let each = format!("echo \"    $host: [{}]\"", counts.join(", "));
            before = format!(
                "mapping=$run.gpu_mapping.yaml\nmkdir -p \"$(dirname \"$run\")\"\n{{\n    echo \"mapping_default:\"\n    \
                 for host in $(scontrol show hostnames \"$SLURM_JOB_NODELIST\"); do {each}; done\n}} >\"$mapping\"\n"
            );
            flags = "--gpu_mapping_file \"$mapping\" ".to_owned();
        }
        if !training.is_empty() {
            flags += training;
            flags.push(' ');
        }
        format!("{before}{}\n", line.replace("\"$@\"", &format!("{flags}\"$@\"")))
    }
}

/// One line of a script's head; some options have no value.
fn directive((name, value): &(String, String)) -> String {
    let value = if value.is_empty() { String::new() } else { format!("={value}") };
    format!("{DIRECTIVE}{name}{value}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn directives_replace_the_templates_and_new_ones_follow() {
        let wish = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let directives = vec![wish("nodes", "4"), wish("account", "physics"), wish("exclusive", "")];
        let training = vec!["--lr".to_owned(), "0.1".to_owned(), "--data_dir".to_owned(), "a b".to_owned()];
        let script = SlurmJob { directives, ranks: 3, training, gpus: 0 }.script().expect("plain");
        assert!(script.contains("#SBATCH --nodes=4\n") && !script.contains("--nodes=1"), "{script}");
        assert!(
            script.contains("--output=fedmpi-%j.log\n#SBATCH --account=physics\n#SBATCH --exclusive\n"),
            "{script}"
        );
        assert!(script.ends_with("\"${folder[@]}\" --lr 0.1 --data_dir 'a b' \"$@\"\n"), "{script}");
    }

    #[test]
    fn ranks_are_spread_over_gpus() {
        let job = SlurmJob { ranks: 5, gpus: 4, training: words("--lr 1"), ..SlurmJob::default() };
        let script = job.script().expect("plain");
        assert!(script.contains("#SBATCH --gres=gpu:4\n") && script.contains("$host: [2, 1, 1, 1]"), "{script}");
        assert!(script.contains("--gpu_mapping_file \"$mapping\" --lr 1 \"$@\""), "{script}");
    }

    #[test]
    fn without_wishes_it_is_the_template() {
        assert_eq!(SlurmJob::default().script().expect("plain"), TEMPLATE);
    }
}
