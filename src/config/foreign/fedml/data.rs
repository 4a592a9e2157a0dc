//! What FedML's keys about data and models come to: much follows from the data set's name and from
//! what its folder holds.

use crate::config::foreign::places::{data_folder, has_idx, has_leaf};
use crate::config::foreign::reading::Reading;
use crate::config::foreign::{Named, Word, absent, named};
use serde_yaml::Value;
use std::path::PathBuf;

/// Data sets that come with their users.
const OWNED: &[&str] = &[
    "mnist",
    "femnist",
    "shakespeare",
    "synthetic_1_1",
    "fed_cifar100",
    "fed_shakespeare",
    "stackoverflow_lr",
    "stackoverflow_nwp",
    "gld23k",
    "gld160k",
];
/// Data sets whose batches have a size of their own there.
const FIXED_BATCHES: &[(&str, i64)] = &[
    ("femnist", 20),
    ("fed_cifar100", 20),
    ("fed_shakespeare", 4),
    ("stackoverflow_nwp", 16),
    ("stackoverflow_lr", 100),
];

/// Photographs as FedML changes them in training.
const PHOTOGRAPHS: [&str; 3] = [
    "cifar10:crop=4,flip=true,cutout=16",
    "cifar100:crop=4,flip=true,cutout=16",
    "cinic10:crop=4,flip=true,cutout=16",
];
const CHANGED: &str = "cropped, mirrored and blotted as there, drawn from the seed";

/// Data sets by FedML's names, and what is nearest to those that are not here.
const DATASETS: &[Named] = &[
    named("synthetic_1_1", "leaf-synthetic", "its files; `synthetic` is the same law, generated"),
    named("cifar10", PHOTOGRAPHS[0], CHANGED),
    named("cifar100", PHOTOGRAPHS[1], CHANGED),
    named("cinic10", PHOTOGRAPHS[2], CHANGED),
    named("fed_cifar100", "fed_cifar100", "not changed in training; there once, when it is read"),
    named("fed_shakespeare", "fed_shakespeare", ""),
    named(
        "stackoverflow_lr",
        "stackoverflow_lr",
        "rows of floats: `most_users` reads only so many users",
    ),
    named("stackoverflow_nwp", "stackoverflow_nwp", "`most_users` reads only so many users"),
    named("gld23k", "landmarks:lists=gld23k", "scaled to squares; cut out of the middle there"),
    named("gld160k", "landmarks:lists=gld160k", "scaled to squares; cut out of the middle there"),
    absent("reddit", "its table is not read; nearest: `reddit` of our own files, LEAF's JSON"),
    absent("lending_club_loan", "nearest: a table of one's own"),
    absent("ILSVRC2012", "nearest: folders of images of one's own"),
];

const TORCHVISION: &str = "resnet18:stem=large";
const GROUPED: &str = "resnet18:stem=large,norm=shared";

/// Models by FedML's names.
const MODELS: &[Named] = &[
    named("lr", "lr_sigmoid", ""),
    named("cnn", "cnn_dropout_62", ""),
    named("rnn", "rnn", "as many outputs as the data has characters; 90 there"),
    named("resnet56", "resnet56", ""),
    named(
        "resnet18_gn",
        GROUPED,
        "as the name says; the code there has batch normalisation, and 1000 outputs",
    ),
    named("resnet18_torch", TORCHVISION, "as many outputs as classes"),
    named("resnet18", TORCHVISION, "with batch normalisation, as the code there has it"),
    named("mobilenet", "mobilenet", ""),
    named(
        "mobilenet_v3",
        "mobilenet_v3",
        "as torchvision has it; there with further biases, and 1000 outputs",
    ),
    named("efficientnet", "efficientnet_b0", "as torchvision has it; there it cannot be made"),
    absent("darts", "FedNAS is not here"),
    absent("GAN", "FedGAN is not here"),
];

/// Whether the data comes divided by its users, as far as the file says and the folder holds.
fn is_owned(reading: &Reading<'_>) -> bool {
    let folder = folder(reading);
    match reading.text("dataset").as_str() {
        "mnist" => has_leaf(&folder.join("MNIST")) || has_leaf(&folder) || !has_idx(&folder),
        name => OWNED.contains(&name),
    }
}

fn folder(reading: &Reading<'_>) -> PathBuf {
    let key = if reading.get("data_cache_dir").is_some() {
        "data_cache_dir"
    } else {
        "data_dir"
    };
    data_folder(reading, key)
}

pub fn dataset(reading: &mut Reading<'_>, word: &Word) {
    let (folder, owned) = (folder(reading), is_owned(reading));
    let ours = |name: &str| Value::from(name);
    match reading.text(&word.key).as_str() {
        "mnist" if owned => {
            reading.becomes(
                word,
                "dataset",
                ours("mnist-leaf"),
                "as FedML's archive has it: standardised, by 1000 users",
            );
        }
        "mnist" => {
            let note = "no MNIST/train/*.json in the folder, but IDX files: these, divided by partition_method";
            reading.becomes(word, "dataset", ours("mnist"), note);
        }
        "femnist" if has_leaf(&folder) => {
            let note = "LEAF's JSON, which the folder holds, for TFF's HDF5; clients weigh by samples, by batches there";
            reading.becomes(word, "dataset", ours("femnist"), note);
        }
        "femnist" => {
            let note = "no train/*.json in the folder: TFF's HDF5; clients weigh by samples, by batches there";
            reading.becomes(word, "dataset", ours("fed_emnist"), note);
        }
        "shakespeare" => {
            let note = "from data_cache_dir; there from ../../../data/shakespeare; 80 characters, 90 there";
            reading.becomes(word, "dataset", ours("shakespeare"), note);
        }
        _ => reading.name(word, "dataset", DATASETS),
    }
}

pub fn clients(reading: &mut Reading<'_>, word: &Word) {
    match (is_owned(reading), reading.number(&word.key)) {
        (true, Some(1.0)) => {
            reading.same(word, &word.key, "all data in one client, as there");
            reading.adds("partition_method", "homo", "all data in one client");
        }
        (true, Some(_)) => {
            reading.becomes(word, &word.key, 0.into(), "as many as the data has users, as there");
        }
        _ => reading.same(word, &word.key, ""),
    }
}

/// Why a partition decides nothing.
const DIVIDED: &str = "the data comes divided by its users";

pub fn partition_method(reading: &mut Reading<'_>, word: &Word) {
    match is_owned(reading) {
        true => reading.nothing(word, DIVIDED),
        false if reading.says(&word.key, &["homo", "hetero"]) => {
            reading.same(word, "partition_method", "")
        }
        false if reading.says(&word.key, &["hetero-fix"]) => reading.same(
            word,
            "partition_method",
            "the file's place is in FedML's code: --partition_file names it",
        ),
        false => {
            reading.refuse(word, "this partition is not here (nearest: homo, hetero, hetero-fix)")
        }
    }
}

pub fn partition_alpha(reading: &mut Reading<'_>, word: &Word) {
    match is_owned(reading) {
        true => reading.nothing(word, DIVIDED),
        false if reading.says("partition_method", &["hetero"]) => {
            reading.same(word, "partition_alpha", "")
        }
        false => reading.nothing(word, "of partition_method hetero"),
    }
}

/// Residual networks that FedML can normalise over groups.
const GROUPABLE: &[&str] = &["resnet18", "resnet18_torch"];

pub fn model(reading: &mut Reading<'_>, word: &Word) {
    let theirs = reading.text(&word.key);
    if let Some(channels) = group(reading).filter(|_| GROUPABLE.contains(&theirs.as_str())) {
        let ours = format!("{TORCHVISION},norm=shared,channels={channels}");
        let note = "the second half of each block begins at zero, as in resnet18_gn";
        reading.becomes(word, "model", ours.into(), note);
    } else if MODELS.iter().any(|named| named.theirs == theirs) {
        reading.name(word, "model", MODELS);
    } else {
        reading.same(word, "model", "");
    }
}

/// Channels of a group, if there are groups.
fn group(reading: &Reading<'_>) -> Option<u64> {
    let channels = reading.get("group_norm_channels")?.as_u64();
    channels.filter(|&channels| channels > 0)
}

pub fn group_norm(reading: &mut Reading<'_>, word: &Word) {
    if reading.says(&word.key, &["0"]) {
        reading.nothing(word, "off");
    } else if group(reading).is_none() {
        reading.refuse(word, "is not a whole number from 0");
    } else if reading.says("model", GROUPABLE) {
        reading.row(word, "norm: shared", "");
    } else {
        reading.refuse(word, "not with this model (nearest: 0, or model resnet18)");
    }
}

pub fn batch_size(reading: &mut Reading<'_>, word: &Word) {
    let dataset = reading.text("dataset");
    match FIXED_BATCHES.iter().find(|(name, _)| *name == dataset) {
        Some((_, size)) => reading.becomes(
            word,
            "batch_size",
            (*size).into(),
            "its batches have this size there, whatever is said",
        ),
        None => reading.same(word, "batch_size", ""),
    }
}
