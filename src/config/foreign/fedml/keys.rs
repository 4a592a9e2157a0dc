//! Every key of FedML's files, of all its versions, by the sections where they stand.

use super::{ci, data, fedsgd, mapping, method, robust, using_gpu};
use crate::config::foreign::{Fate, Line, line};

// Why keys decide nothing.
const PLATFORM: Fate = Fate::Nothing("FedML's platform");
const TRACKER: Fate = Fate::Nothing("trackers");
const LAUNCHER: Fate = Fate::Nothing("the launcher tells");
const LOGS: Fate = Fate::Nothing("the run's folder has the logs");
const MAPPED: Fate = Fate::Nothing("the mapping tells");
const CARRIED: Fate = Fate::Nothing("MPI carries all");
const UNSCHEDULED: Fate = Fate::Nothing(method::UNUSED_SCHEDULE);

pub const TABLE: &[Line] = &[
    // common_args, environment_args.
    line(
        "training_type",
        Fate::NothingWhile(
            &["simulation"],
            "only `simulation` is trained here; this is another program",
        ),
    ),
    line("random_seed", Fate::Same("seed", "")),
    line(
        "scenario",
        Fate::NothingWhile(&["horizontal"], "only horizontal federated learning is here"),
    ),
    line("using_mlops|mlops_*|config_version|bootstrap|customized_training_mqtt_config", PLATFORM),
    line("process_id", LAUNCHER),
    line("debug", LOGS),
    line("stage", Fate::NothingWhile(&["train"], "FedNAS is not here")),
    // data_args.
    line(
        "dataset",
        Fate::Rule(
            data::dataset,
            "`mnist`: `mnist-leaf`, or `mnist` where the folder holds IDX files; `femnist`: \
             LEAF's JSON, else TFF's HDF5; others by name",
        ),
    ),
    line("data_cache_dir|data_dir", Fate::Same("data_dir", "")),
    line("download", Fate::Nothing("nothing is fetched at run time")),
    line(
        "partition_method",
        Fate::Rule(
            data::partition_method,
            "the same, where the data does not come divided by its users",
        ),
    ),
    line(
        "partition_alpha",
        Fate::Rule(
            data::partition_alpha,
            "the same, of `hetero`, where the data does not come divided",
        ),
    ),
    // model_args.
    line("model", Fate::Rule(data::model, "`lr`: `lr_sigmoid`; `cnn`: `cnn_dropout_62`; `rnn`")),
    line(
        "group_norm_channels",
        Fate::Rule(data::group_norm, "0 nothing; else `norm: shared` of `resnet18`"),
    ),
    // train_args.
    line(
        "federated_optimizer",
        Fate::Rule(method::algorithm, "`aggregator`, or the asynchronous mode"),
    ),
    line("client_id_list", LAUNCHER),
    line(
        "client_num_in_total",
        Fate::Rule(
            data::clients,
            "0 (as many as the data has users), or the same; 1 puts all data in one client",
        ),
    ),
    line("client_num_per_round", Fate::Same("client_num_per_round", "")),
    line("comm_round", Fate::Same("comm_round", "")),
    line("epochs", Fate::Rule(method::epochs, "the same; nothing of FedSGD")),
    line(
        "batch_size",
        Fate::Rule(
            data::batch_size,
            "the same; sets of TFF have sizes of their own there, which are taken",
        ),
    ),
    line(
        "client_optimizer",
        Fate::Rule(method::optimizer, "`client_optimizer`; adam with `amsgrad`"),
    ),
    line("learning_rate", Fate::Rule(method::rate, "`lr`; of FedSGD `server_lr`")),
    line("lr", Fate::Rule(method::second_rate, "nothing beside `learning_rate`; else `lr`")),
    line(
        "weight_decay|wd",
        Fate::Rule(method::decay, "`wd` of adam; nothing with sgd, whose decay FedML ignores"),
    ),
    line(
        "momentum",
        Fate::Rule(
            method::momentum,
            "`momentum` of FedNova, `server_momentum` of FedSGD; nothing else, as FedML's SGD \
             ignores it",
        ),
    ),
    line(
        "nesterov",
        Fate::Rule(
            method::of_momentum,
            "`client_nesterov` of FedNova; nothing else, as FedML's SGD ignores it",
        ),
    ),
    line(
        "dampening",
        Fate::Rule(
            method::of_momentum,
            "`dampening` of FedNova; nothing else, as FedML's SGD ignores it",
        ),
    ),
    line("gmf|mu", Fate::Rule(method::of_fednova, "nothing, or 0 with FedNova; else refused")),
    line("lr_schedule|lr_step_size|lr_milestones|lr_decay_rate", UNSCHEDULED),
    line(
        "server_optimizer",
        Fate::Rule(
            method::server_optimizer,
            "`server_step` of FedOpt, as torch has it; nothing else",
        ),
    ),
    line("server_lr", Fate::Rule(method::server_lr, "`server_lr` of FedOpt; nothing else")),
    line(
        "server_momentum",
        Fate::Rule(method::server_momentum, "`server_momentum` of FedOpt with sgd; nothing else"),
    ),
    line("fedprox_mu", Fate::Rule(method::proximal, "`mu` of FedProx; nothing else")),
    line("feddyn_alpha", Fate::Rule(method::regulariser, "`feddyn_alpha` of FedDyn; nothing else")),
    line(
        "compression",
        Fate::Rule(fedsgd::compression, "`update: topk` of FedSGD, with feedback of `eftopk`"),
    ),
    line(
        "compress_ratio|quantize_level|is_biased",
        Fate::Rule(fedsgd::of_compression, "the `share` of topk; nothing else"),
    ),
    line(
        "sleep_time_max",
        Fate::Rule(method::sleep, "nothing in rounds, which wait for all; refused without rounds"),
    ),
    line(
        "initialize_all_clients|cache_client_status",
        Fate::NothingWhile(
            &["false"],
            "what clients keep is the algorithm's here (nearest: SCAFFOLD, FedDyn)",
        ),
    ),
    line("ci", Fate::Rule(ci, "the same; at most 1000 test samples, there only client 0")),
    // validation_args.
    line("frequency_of_the_test", Fate::Same("frequency_of_the_test", "")),
    // device_args, comm_args.
    line("worker_num", LAUNCHER),
    line("using_gpu", Fate::Rule(using_gpu, "`device`: true `auto`, false `cpu`")),
    line(
        "gpu_mapping_file|gpu_mapping_key|gpu_util_parse",
        Fate::Rule(
            mapping,
            "the same while a GPU is used; a file is looked for beside the config and above it too",
        ),
    ),
    line("gpu_id|gpu_ids|device_type|gpu_server_num|gpu_num_per_server", MAPPED),
    line(
        "backend",
        Fate::NothingWhile(
            &["MPI", "NCCL", "sp"],
            "is no backend of simulations here (MPI carries all)",
        ),
    ),
    line("is_mobile", Fate::Nothing("weights always travel as bytes")),
    line("grpc_ipconfig_path|trpc_master_config_path", CARRIED),
    // tracking_args.
    line("enable_wandb|wandb_*|enable_tracking|tracking_runtime|run_name", TRACKER),
    line("log_file_dir", LOGS),
    line("log_server_url", PLATFORM),
    line(
        "simulation_schedule",
        Fate::Rule(
            method::schedule,
            "`scheduler: runtime` with FedAvg_seq and FedOpt_seq; nothing else",
        ),
    ),
    line("runtime_est_mode", Fate::Rule(method::estimate, "nothing; no result depends on it")),
    line(
        "simulation_gpu_hetero|gpu_hetero_ratio",
        Fate::Rule(
            method::slow_gpus,
            "`worker_slowdown` with FedAvg_seq and FedOpt_seq; nothing else",
        ),
    ),
    line(
        "simulation_environment_hetero|environment_hetero_ratio",
        Fate::Rule(
            method::waves,
            "`worker_slowdown: cos` with FedAvg_seq and FedOpt_seq; nothing else",
        ),
    ),
    // attack_args, defense_args, dp_args.
    line("enable_attack", Fate::NothingWhile(&["false"], "attacks are not here")),
    line(
        "attack_*|poison*|original_class_list|target_class_list|ratio_of_poisoned_client|backdoor_*",
        Fate::Rule(robust::of_attack, "nothing while attacks are off; else refused"),
    ),
    line(
        "byzantine_client_num",
        Fate::Rule(
            robust::of_attack_or_defense,
            "nothing while attacks and defences are off; else refused",
        ),
    ),
    line(
        "enable_defense",
        Fate::Rule(
            robust::defense,
            "`update: clip` for norm_diff_clipping; others are refused while on",
        ),
    ),
    line(
        "defense_type|norm_bound|stddev|krum_*|multi|trim_param_b|option_type|robust_threshold|\
         bucket_size|batch_num|alpha",
        Fate::Rule(
            robust::of_defense,
            "nothing while defences are off; of norm_diff_clipping `update: clip`; else refused",
        ),
    ),
    line(
        "enable_dp",
        Fate::NothingWhile(
            &["false"],
            "its noise is of other rules than that here (nearest: update clip, then noise)",
        ),
    ),
    line(
        "dp_*|mechanism_type|epsilon|delta|sensitivity|clipping_norm|noise_multiplier|\
         max_grad_norm|enable_rdp_accountant",
        Fate::Rule(robust::of_privacy, "nothing while differential privacy is off; else refused"),
    ),
];
