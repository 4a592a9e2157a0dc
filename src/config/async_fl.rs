//! async-FL's `config.json`: sections `global`, `server` and `client`, parts named by class files. Its
//! settings become ours; a class that we do not have is refused.

use serde::de::DeserializeOwned;
use serde_yaml::{Mapping, Value};

/// Class names and our names.
const DATASETS: &[(&str, &str)] = &[("MNIST", "mnist"), ("FashionMNIST", "fashion-mnist")];
const MODELS: &[(&str, &str)] = &[("CNN", "cnn")];
const UPDATERS: &[(&str, &str)] = &[("FedAsync", "fedasync"), ("Avg", "avg"), ("MyFed", "myfed")];
const SCHEDULES: &[(&str, &str)] = &[
    ("RandomSchedule", "uniform"),
    ("RoundRobin", "round_robin"),
    ("FullSchedule", "uniform"),
    ("NoSchedule", "uniform"),
];
/// Schedules that take everybody, whatever the share.
const ALL: &[&str] = &["FullSchedule", "NoSchedule"];

/// Whether a file is of that kind.
pub fn is_one(sections: &Mapping) -> bool {
    ["global", "server", "client"].iter().all(|name| sections.get(*name).is_some_and(Value::is_mapping))
}

/// The same wishes with our names.
///
/// # Errors
/// Classes that we do not have, and values of another kind.
pub fn translate(sections: &Mapping) -> Result<Mapping, String> {
    let at = |path: &[&str]| {
        path.iter().try_fold(&Value::Mapping(sections.clone()), |value, name| value.get(*name)).cloned()
    };
    let class = |path: &[&str], table: &[(&str, &'static str)]| match at(path) {
        None => Ok(None),
        Some(value) => {
            let name = value.as_str().unwrap_or("?");
            let known = || table.iter().map(|(theirs, _)| *theirs).collect::<Vec<_>>().join(", ");
            let ours = table.iter().find(|(theirs, _)| *theirs == name).map(|(_, ours)| Value::from(*ours));
            ours.map(Some).ok_or_else(|| format!("`{}`: no class `{name}` (hint: known: {})", path.join("."), known()))
        }
    };
    let number = |path: &[&str], default: f64| Ok::<_, String>(read(at(path), path)?.unwrap_or(default));
    let text = |path: &[&str]| read::<String>(at(path), path);
    let iid = read(at(&["global", "iid"]), &["global", "iid"])?.unwrap_or(false);
    let experiment = text(&["global", "experiment"])?;
    let all = text(&["server", "scheduler", "schedule_name"])?.is_some_and(|name| ALL.contains(&name.as_str()));
    let alpha = number(&["server", "updater", "params", "alpha"], 0.1)?;
    let rule = class(&["server", "updater", "update_name"], UPDATERS)?;
    // Its Avg knows no rate.
    let mixes = rule.as_ref().and_then(Value::as_str) != Some("avg");
    let given = [
        ("mode", Some("async".into())),
        ("out_dir", experiment.map(|name| format!("results/{name}").into())),
        ("dataset", class(&["global", "data_name"], DATASETS)?),
        ("partition_method", Some(if iid { "homo" } else { "shards" }.into())),
        ("client_num_in_total", at(&["global", "client_num"])),
        ("comm_round", at(&["server", "epochs"])),
        ("model", class(&["server", "model_name"], MODELS)?),
        ("checkin_interval", at(&["server", "checkin", "checkin_interval"])),
        ("checkin_num", at(&["server", "checkin", "checkin_num"])),
        ("scheduler_interval", at(&["server", "scheduler", "scheduler_interval"])),
        ("client_selection", class(&["server", "scheduler", "schedule_name"], SCHEDULES)?),
        ("c_ratio", if all { Some(1.0.into()) } else { at(&["server", "scheduler", "params", "c_ratio"]) }),
        ("aggregator", rule),
        ("staleness", Some("hinge".into())),
        ("staleness_a", at(&["server", "updater", "params", "a"])),
        ("staleness_b", at(&["server", "updater", "params", "b"])),
        ("alpha", mixes.then_some((alpha * number(&["server", "updater", "params", "r"], 1.0)?).into())),
        ("epochs", at(&["client", "epochs"])),
        ("batch_size", at(&["client", "batch_size"])),
        // Its client trains with these, whatever the file says.
        ("client_optimizer", Some("adam".into())),
        ("lr", Some(0.01.into())),
        ("wd", Some(0.005.into())),
        ("delay", Some(delay(text(&["client", "stale_file"])?))),
    ];
    Ok(given.into_iter().filter_map(|(name, value)| Some((name.into(), value?))).collect())
}

/// A value of one kind, if it is there.
fn read<T: DeserializeOwned>(value: Option<Value>, path: &[&str]) -> Result<Option<T>, String> {
    let value = value.filter(|value| !value.is_null()).map(serde_yaml::from_value).transpose();
    value.map_err(|error| format!("`{}`: {error}", path.join(".")))
}

/// The file of delays; without one everybody is equally fast.
fn delay(file: Option<String>) -> Value {
    match file {
        Some(path) => format!("file:{path}").into(),
        None => "constant:0".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"global": {"experiment": "TMP/test/1", "data_file": "MNIST", "data_name": "MNIST",
        "iid": false, "client_num": 50, "result": {"test_name": "fedavg", "path": ""}},
        "server": {"epochs": 600, "model_file": "CNN", "model_name": "CNN",
        "checkin": {"checkin_interval": 600, "checkin_num": 200},
        "scheduler": {"scheduler_interval": 5, "schedule_file": "RandomSchedule", "schedule_name": "RandomSchedule",
        "params": {"c_ratio": 0.1, "schedule_interval": 5}},
        "updater": {"update_file": "MyFed", "update_name": "MyFed",
        "params": {"a": 10, "b": 4, "alpha": 0.1, "r": 1, "c": 2, "d": 2}}},
        "client": {"epochs": 2, "batch_size": 50, "model_type": "CNN", "stale_file": "stale.txt"}}"#;

    fn sections(text: &str) -> Mapping {
        serde_yaml::from_str(text).expect("JSON is YAML")
    }

    #[test]
    fn the_shipped_file_is_understood() {
        assert!(is_one(&sections(TEXT)));
        let ours = translate(&sections(TEXT)).expect("known classes");
        let text = |name: &str| ours.get(name).and_then(Value::as_str).map(str::to_owned);
        assert_eq!(text("aggregator"), Some("myfed".into()));
        assert_eq!((text("dataset"), text("model")), (Some("mnist".into()), Some("cnn".into())));
        assert_eq!(text("delay"), Some("file:stale.txt".into()));
        assert_eq!(ours.get("comm_round"), Some(&Value::from(600)));
        assert!(ours.keys().all(|key| super::super::kinds::is_setting(key.as_str().expect("words"))));
    }

    #[test]
    fn classes_that_do_not_exist_here_are_refused() {
        let wrong = TEXT.replace(r#""update_name": "MyFed""#, r#""update_name": "FedAT""#);
        let error = translate(&sections(&wrong)).expect_err("unknown");
        assert!(error.contains("server.updater.update_name") && error.contains("`FedAT`"), "{error}");
        let none = TEXT.replace(r#""stale.txt""#, "null");
        assert_eq!(translate(&sections(&none)).expect("not given").get("delay"), Some(&Value::from("constant:0")));
        let wrong = TEXT.replace(r#""iid": false"#, r#""iid": "false""#);
        let error = translate(&sections(&wrong)).expect_err("a word");
        assert!(error.starts_with("`global.iid`"), "{error}");
    }
}
