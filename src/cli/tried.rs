//! Names that people know from other programs, and what is called so here.

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Flags that are none of ours.
const FLAGS: &[(&[&str], &str)] = &[
    (
        &[
            "rounds",
            "num_rounds",
            "n_rounds",
            "global_rounds",
            "communication_rounds",
        ],
        "rounds are `--comm_round`",
    ),
    (
        &[
            "local_epochs",
            "local_epoch",
            "local_ep",
            "num_epochs",
            "client_epochs",
            "e",
        ],
        "a client's passes over its data are `--epochs`",
    ),
    (
        &[
            "num_clients",
            "n_clients",
            "clients",
            "num_users",
            "client_num",
        ],
        "all clients are `--client_num_in_total`, those of a round `--client_num_per_round`",
    ),
    (
        &[
            "clients_per_round",
            "num_clients_per_round",
            "sample_clients",
            "cohort_size",
            "frac",
            "sample_ratio",
        ],
        "clients of a round are `--client_num_per_round`, a number",
    ),
    (
        &["optimizer", "opt"],
        "clients' optimizer is `--client_optimizer`, the server's step `--server_step`",
    ),
    (
        &["learning_rate", "client_lr", "local_lr"],
        "the clients' rate is `--lr`, the server's `--server_lr`",
    ),
    (&["weight_decay"], "weight decay is `--wd`"),
    (&["local_bs", "batchsize"], "samples of a step are `--batch_size`"),
    (&["strategy", "method", "server_aggregator"], "the method is `--aggregator`"),
    (&["proximal_mu", "fedprox_mu", "rho"], "FedProx is `--aggregator fedprox --mu 0.1`"),
    (
        &["dirichlet_alpha", "alpha_dirichlet"],
        "the draw is `--partition_method hetero --partition_alpha 0.5`",
    ),
    (&["partition", "iid", "noniid"], "data is divided by `--partition_method`, IID by `homo`"),
    (
        &["data", "data_path", "dataset_dir", "data_cache_dir"],
        "the folder of the data is `--data_dir`",
    ),
    (&["config", "config_file", "yaml_config_file"], "a config file is `--cf`"),
    (&["output", "output_dir", "save_dir", "log_path"], "the run's folder is `--out_dir`"),
    (
        &["pretrained", "init", "checkpoint"],
        "weights come by `--init_from FILE`, a run goes on by `--resume FOLDER`",
    ),
    (
        &["num_workers", "worker_count", "n_workers", "nproc_per_node"],
        "workers are ranks: `mpirun -np 5 fedmpi ...` has a server and four; `fedmpi --workers 4` \
         has four threads",
    ),
    (
        &["gpu", "gpus", "num_gpus", "cuda", "use_cuda", "gpu_id"],
        "GPUs are named by `--gpu_mapping_file FILE`, or in one line by `--gpu_util_parse \
         'HOST:2,1'`",
    ),
    (&["oversubscribe"], "this is the launcher's: `mpirun --oversubscribe -np 5 fedmpi ...`"),
];

/// What other programs call a device that we find by a mapping.
const DEVICES: &[&str] = &["cuda", "cuda:0", "gpu", "gpus"];
const MAPPED: &str = "which GPUs is said by `--gpu_mapping_file FILE` or `--gpu_util_parse \
                      'HOST:2,1'`; `auto` uses them";

/// The error with what was meant, where that is known; clap's own guess goes by letters.
pub(super) fn explained(mut error: clap::Error) -> clap::Error {
    let Some(meant) = meant(&error) else { return error };
    for guess in [
        ContextKind::SuggestedArg,
        ContextKind::SuggestedValue,
        ContextKind::Usage,
    ] {
        error.remove(guess);
    }
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![StyledStr::from(meant)]));
    error
}

fn meant(error: &clap::Error) -> Option<&'static str> {
    let argument = said(error, ContextKind::InvalidArg)?;
    let flag = argument.trim_start_matches('-').split([' ', '=']).next()?;
    match error.kind() {
        ErrorKind::UnknownArgument => {
            let (_, meant) = FLAGS.iter().find(|(names, _)| names.contains(&flag))?;
            Some(meant)
        }
        ErrorKind::InvalidValue if flag == "device" => {
            let device = said(error, ContextKind::InvalidValue)?;
            DEVICES.contains(&device).then_some(MAPPED)
        }
        _ => None,
    }
}

/// A text that goes with an error.
fn said(error: &clap::Error, kind: ContextKind) -> Option<&str> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{command, parse};
    use super::*;
    use std::ffi::OsString;

    fn refused(line: &str) -> String {
        match parse(line.split(' ').map(OsString::from)) {
            Err(error) => error.render().to_string(),
            Ok(_) => panic!("{line} is accepted"),
        }
    }

    #[test]
    fn what_others_call_so_is_told_by_our_name() {
        assert!(refused("fedmpi --rounds 10").contains("--comm_round"));
        assert!(refused("fedmpi --local-epochs=3").contains("`--epochs`"));
        assert!(refused("fedmpi check --num_clients 5").contains("--client_num_in_total"));
        let device = refused("fedmpi --device cuda");
        assert!(device.contains("--gpu_mapping_file") && !device.contains("similar"), "{device}");
    }

    #[test]
    fn a_slip_is_still_guessed_by_its_letters() {
        assert!(refused("fedmpi --comm_roud 10").contains("--comm_round"));
        assert!(refused("fedmpi --device cpuu").contains("'cpu'"));
    }

    #[test]
    fn no_flag_of_ours_is_in_the_table_and_each_that_is_named_exists() {
        let command = command();
        let ours: Vec<&str> = command
            .get_arguments()
            .filter_map(|argument| argument.get_long())
            .collect();
        for (names, meant) in FLAGS {
            assert!(names.iter().all(|name| !ours.contains(name)), "{names:?}");
            let flags = meant
                .split('`')
                .skip(1)
                .step_by(2)
                .flat_map(|code| code.split(' '));
            for flag in flags
                .filter_map(|word| word.strip_prefix("--"))
                .filter(|flag| *flag != "oversubscribe")
            {
                assert!(ours.contains(&flag), "{flag}");
            }
        }
    }
}
