//! async-FL's files.

use super::*;

/// The three generations of async-FL: the seed's own, `..._path`, and `path` with `params`.
pub const FIRST: &str = r#"{"global": {"experiment": "T/1", "data_file": "MNIST", "data_name": "MNIST", "iid": false,
    "client_num": 50, "result": {"test_name": "a", "path": ""}},
    "server": {"epochs": 60, "model_file": "CNN", "model_name": "CNN",
    "checkin": {"checkin_interval": 600, "checkin_num": 200},
    "scheduler": {"scheduler_interval": 5, "schedule_file": "RandomSchedule", "schedule_name": "RandomSchedule",
    "params": {"c_ratio": 0.1, "schedule_interval": 5}},
    "updater": {"update_file": "MyFed", "update_name": "MyFed",
    "params": {"a": 10, "b": 4, "alpha": 0.2, "r": 2, "c": 2, "d": 2}}},
    "client": {"epochs": 2, "batch_size": 50, "model_type": "CNN", "stale_file": "stale.txt"}}"#;
const SECOND: &str = r#"{"global": {"mode": "sync", "experiment": "T/2", "stale": [0, 2, 4, 6], "dataset_path":
    "dataset.MNIST.MNIST", "iid": {"beta": 0.5}, "client_num": 4}, "server": {"epochs": 6, "model_path": "model.CNN.CNN",
    "scheduler": {"schedule_path": "schedule.RandomSchedule.RandomSchedule", "params": {"c_ratio": 0.5}},
    "updater": {"update_path": "update.FedAvg.FedAvg", "params": {}}},
    "client": {"epochs": 1, "batch_size": 8, "model_path": "model.CNN.CNN", "mu": 0.1, "loss": "cross_entropy",
    "optimizer": {"name": "SGD", "weight_decay": 0, "lr": 0.01}}}"#;
const THIRD: &str = r#"
wandb: {enabled: false, project: p}
global:
  multi_gpu: true
  experiment: T/3
  stale: {step: 2, shuffle: true, list: [1, 2, 1]}
  dataset: {path: dataset.FashionMNIST.FashionMNIST, params: {}}
  iid: true
  client_num: 4
server:
  path: server.AsyncServer.AsyncServer
  epochs: 30
  model: {path: model.CNN.CNN, params: {}}
  scheduler:
    path: scheduler.AsyncScheduler.AsyncScheduler
    schedule_interval: 1
    schedule_delay: 20
    schedule: {path: schedule.RandomSchedule.RandomSchedule, params: {c_ratio: 0.4}}
  updater:
    path: updater.AsyncUpdater.AsyncUpdater
    num_generator: 3
    loss: torch.nn.functional.cross_entropy
    update: {path: update.FedAvg.FedAvg, params: {}}
queue_manager:
  path: queuemanager.SingleQueueManager.SingleQueueManager
  receiver: {path: receiver.NormalReceiver.NormalReceiver, params: {}}
  checker: {path: checker.AllChecker.AllChecker, params: {}}
client_manager: {path: clientmanager.NormalClientManager.NormalClientManager}
client:
  path: client.NormalClient.NormalClient
  epochs: 2
  batch_size: 64
  test_size: 0.1
  model: {path: model.CNN.CNN, params: {}}
  loss: torch.nn.functional.cross_entropy
  mu: 0
  optimizer: {path: torch.optim.Adam, params: {lr: 0.01, weight_decay: 0.1}}
"#;

#[test]
fn three_generations_of_async_fl_mean_what_they_say() {
    let first = told(FIRST);
    has(&first, "{dataset: mnist, model: cnn, aggregator: myfed}");
    has(&first, "{mode: async, alpha: 0.4, staleness_a: 10, comm_round: 60}");
    has(&first, r#"{delay: "constant:0", scheduler_interval: 5}"#);
    let second = told(SECOND);
    has(&second, r#"{mode: sync, client_num_per_round: 2, delay: "list:0,2,4,6"}"#);
    has(&second, "{partition_method: hetero, partition_alpha: 0.5, mu: 0.1}");
    let third = told(THIRD);
    has(&third, "{dataset: fashion-mnist, aggregator: fedavg_async, buffer_size: 3}");
    has(&third, "{client_optimizer: adam, wd: 0.1, partition_method: homo}");
    for settings in [first, second, third] {
        let config =
            crate::config::Config::parse(&serde_yaml::to_string(&settings).expect("plain"));
        config.expect("a config");
    }
}

#[test]
fn one_async_fl_file_with_every_mistake_is_one_screen() {
    let text = THIRD
        .replace("AsyncServer.AsyncServer", "Leo.Leo")
        .replace("model.CNN.CNN", "model.ConvNet.ConvNet")
        .replace("list: [1, 2, 1]", "list: [1, 2]")
        .replace("iid: true", "iid: {customize: true}")
        .replace("FashionMNIST.FashionMNIST", "SVHN.SVHN")
        .replace("update.FedAvg.FedAvg", "update.FedAT.FedAT")
        .replace("epochs: 30", "epochs: many\n  surprise: 1")
        .replace("torch.optim.Adam", "torch.optim.LBFGS");
    let said = refused(&text);
    for part in [
        "server.path: server.Leo.Leo is not here",
        "server.model.path: ConvNet is not here (nearest: `lenet`)",
        "line 6: global.stale.list: needs a step",
        "line 8: global.iid.customize: a division by lists",
        "global.dataset.path: SVHN is not here",
        "server.updater.update.path: FedAT is not here",
        "server.epochs: it is not a whole number",
        "server.surprise: is no key of async-FL",
        "client.optimizer.path: torch.optim.LBFGS is not here",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

/// As its later home FedModule has it.
#[test]
fn later_files_name_classes_transforms_and_ways_of_running() {
    let resnet = "torchvision.models.resnet.resnet18, params: {num_classes: 10}";
    let transform = "transforms.Transforms.TransformForCIFARFactory.createTransform";
    let text = THIRD
        .replace("model.CNN.CNN, params: {}", resnet)
        .replace("FashionMNIST.FashionMNIST", "CIFAR10.CIFAR10")
        .replace("AsyncServer.AsyncServer", "SyncServer.SyncServer")
        .replace("update.FedAvg.FedAvg", "update.FedNova.FedNova")
        .replace("client.NormalClient.NormalClient", "client.NovaClient.NovaClient")
        .replace("mu: 0", &format!("mu: 0\n  transform: {{path: {transform}}}"))
        .replace("iid: true", "iid: false\n  mode: process\n  save: false");
    let settings = told(&text);
    has(&settings, "{mode: sync, dataset: cifar10, crop: 4, flip: true}");
    has(&settings, r#"{model: "resnet18:stem=large", aggregator: fednova}"#);
    // Only lists and {beta} divide unevenly by then.
    has(&settings, "{partition_method: homo}");
    has(&told(FIRST), "{partition_method: shards}");

    let elsewhere = text.replace("CIFAR10.CIFAR10", "MNIST.MNIST");
    assert!(refused(&elsewhere).contains("client.transform.path"));
}

#[test]
fn groups_of_delays_beyond_all_bounds_are_refused() {
    for (step, list) in [
        ("9223372036854775808", "[1, 2, 1]"),
        ("2", "[9223372036854775808, 9223372036854775808, 4]"),
    ] {
        let text = THIRD
            .replace("step: 2", &format!("step: {step}"))
            .replace("[1, 2, 1]", list);
        assert!(refused(&text).contains("global.stale.list: needs a step"), "{step} {list}");
    }
}
