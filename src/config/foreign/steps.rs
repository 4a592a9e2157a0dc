//! The optimizers of torch that other systems have on their servers.

use serde_yaml::{Mapping, Value};

/// The server step that an optimizer of torch takes on the negative change; none where there is
/// nothing like it.
pub fn of_torch(name: &str, has_momentum: bool) -> Option<Value> {
    let settings: &[(&str, Value)] = match name {
        "sgd" if has_momentum => &[("name", "momentum".into())],
        "sgd" => &[("name", "sgd".into())],
        "adam" => &[
            ("name", "adam".into()),
            ("beta2", 0.999.into()),
            ("tau", 1e-8.into()),
            ("bias_correction", true.into()),
        ],
        "adagrad" => &[("name", "adagrad".into()), ("tau", 1e-10.into())],
        _ => return None,
    };
    let choice: Mapping = settings
        .iter()
        .map(|(name, value)| (Value::from(*name), value.clone()))
        .collect();
    Some(choice.into())
}
