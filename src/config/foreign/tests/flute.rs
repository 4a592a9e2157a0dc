//! FLUTE's files.

use super::*;

pub const FLUTE: &str = "
model_config:
  model_type: LR
  model_folder: experiments/cv_lr_mnist/model.py
  input_dim: 784
  output_dim: 10
dp_config: {enable_local_dp: false}
privacy_metrics_config: {apply_metrics: false}
strategy: FedProx
server_config:
  wantRL: false
  resume_from_checkpoint: false
  do_profiling: false
  optimizer_config: {type: sgd, lr: 1.0}
  annealing_config: {type: step_lr, step_interval: epoch, gamma: 1.0, step_size: 100}
  val_freq: 1000
  rec_freq: 20
  initial_val: false
  initial_rec: false
  max_iteration: 100
  num_clients_per_iteration: 10
  data_config: {val: {batch_size: 10, val_data: null}, test: {batch_size: 10, test_data: null}}
  type: model_optimization
  aggregate_median: softmax
  initial_lr_client: 0.03
  lr_decay_factor: 1.0
  weight_train_loss: train_loss
  best_model_criterion: loss
  fall_back_to_best_model: false
  softmax_beta: 1.0
client_config:
  mu: 0.2
  do_profiling: false
  ignore_subtask: false
  data_config: {train: {batch_size: 10, list_of_train_data: null, desired_max_samples: 5000}}
  optimizer_config: {type: sgd, lr: 0.5}
  type: optimization
";

#[test]
fn a_task_of_flute_means_what_it_says() {
    let settings = told(FLUTE);
    has(&settings, "{dataset: mnist-leaf, model: lr_sigmoid, lr: 0.03}");
    has(&settings, "{comm_round: 100, frequency_of_the_test: 20, mu: 0.2}");
    crate::config::Config::parse(&serde_yaml::to_string(&settings).expect("plain"))
        .expect("a config");
}

#[test]
fn flutes_tasks_of_text_and_beats_name_their_files_and_sizes() {
    let of = |folder: &str, model: &str, model_keys: &str, data_keys: &str| {
        let text = FLUTE
            .replace("cv_lr_mnist", folder)
            .replace("model_type: LR", model);
        let text = text.replace("  input_dim: 784\n  output_dim: 10\n", model_keys);
        let text = text
            .replace("test_data: null", "test_data: t")
            .replace("list_of_train_data: null", data_keys);
        told(&text)
    };
    let settings = of(
        "nlg_gru",
        "model_type: GRU",
        "  embed_dim: 160\n  vocab_size: 100\n  hidden_dim: 512\n  OOV_correct: false\n",
        "list_of_train_data: a, max_num_words: 25, vocab_dict: v",
    );
    has(&settings, "{dataset: flute_text, model: gru_lm, units: 512}");
    has(&settings, "{train_file: a, test_file: t, words: 100}");
    has(&settings, "{length: 25, vocabulary: v, embedding: 160}");
    crate::config::Config::parse(&serde_yaml::to_string(&settings).expect("plain"))
        .expect("a config");
    let bert = "  BERT: {model: {model_name: bert-base-uncased}, training: {seed: 1}}\n";
    let settings = of(
        "mlm_bert",
        "model_type: BERT",
        bert,
        "list_of_train_data: a, task: mlm, mlm_probability: 0.25",
    );
    has(&settings, "{size: base, hide: 0.25}");
    crate::config::Config::parse(&serde_yaml::to_string(&settings).expect("plain"))
        .expect("a config");
    let settings = of("ecg_cnn", "model_type: SuperNet", "", "list_of_train_data: a");
    has(&settings, r#"{dataset: flute, model: "ecg_cnn:softmax=true"}"#);
    crate::config::Config::parse(&serde_yaml::to_string(&settings).expect("plain"))
        .expect("a config");
}

#[test]
fn clients_of_flute_train_as_they_are_told() {
    let text = FLUTE
        .replace("desired_max_samples: 5000", "max_grad_norm: 5.0")
        .replace(
            "optimizer_config: {type: sgd, lr: 0.5}",
            "optimizer_config: {type: adamW, weight_decay: 0.02}",
        );
    let config = crate::config::Config::parse(&text).expect("a config");
    let values = &config.client_optimizer.values;
    assert_eq!((config.client_optimizer.name.as_str(), config.max_grad_norm), ("adamw", Some(5.0)));
    assert_eq!(
        (values["wd"].as_f64(), values["client_epsilon"].as_f64()),
        (Some(0.02), Some(1e-6))
    );
    let falling = FLUTE.replace("gamma: 1.0, step_size: 100", "gamma: 0.5, step_size: 20");
    let schedule = crate::config::Config::parse(&falling)
        .expect("a config")
        .server_lr_schedule;
    assert_eq!(
        (schedule.name.as_str(), schedule.values["step_rounds"].as_u64()),
        ("step", Some(20))
    );
    let nesterov =
        FLUTE.replace("{type: sgd, lr: 0.5}", "{type: sgd, momentum: 0.9, nesterov: true}");
    assert_eq!(
        crate::config::Config::parse(&nesterov)
            .expect("a config")
            .client_optimizer
            .values["client_nesterov"],
        true
    );
}

#[test]
fn one_flute_file_with_every_mistake_is_one_screen() {
    let text = FLUTE
        .replace("cv_lr_mnist", "semisupervision")
        .replace("FedProx", "DGA")
        .replace("wantRL: false", "wantRL: true")
        .replace("max_iteration", "max_iterations")
        .replace("num_clients_per_iteration: 10", "num_clients_per_iteration: \"4,8\"")
        .replace("list_of_train_data: null", "list_of_train_data: a.hdf5")
        .replace(
            "optimizer_config: {type: sgd, lr: 0.5}",
            "optimizer_config: {type: lars, lr: 0.5}",
        );
    let said = refused(&text);
    for part in [
        "line 3: model_config.model_type: the task of LR in experiments/semisupervision/model.py is not here: it needs semi-supervised training",
        "strategy: weights by loss are not here",
        "wantRL: weights by reinforcement learning",
        "did you mean `server_config.max_iteration`?",
        "num_clients_per_iteration: a number that changes",
        "list_of_train_data: the data set of this task finds its own files",
        "client_config.optimizer_config.type: lars is not here",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}
