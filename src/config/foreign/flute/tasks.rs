//! FLUTE's tasks: the folder of the model tells what is trained, on which data, and which keys mean
//! something.

use crate::config::foreign::Word;
use crate::config::foreign::places::{data_folder, has_leaf};
use crate::config::foreign::reading::Reading;

/// The key that names the task.
const FOLDER: &str = "model_config.model_folder";

/// A task that is here: its folder and model, and what they are.
struct Task {
    folder: &'static str,
    theirs: &'static str,
    model: &'static str,
    dataset: &'static str,
}

// Files of users.
const FILES: &str = "flute";
const TEXTS: &str = "flute_text";
const HIDDEN: &str = "flute_text:learn=hidden";

const TASKS: &[Task] = &[
    Task {
        folder: "cv_lr_mnist",
        theirs: "LR",
        model: "lr_sigmoid",
        dataset: "mnist-leaf",
    },
    Task {
        folder: "cv_cnn_femnist",
        theirs: "CNN",
        model: "cnn_dropout_62",
        dataset: "femnist",
    },
    Task {
        folder: "cv_resnet_fedcifar100",
        theirs: "RESNET",
        model: "resnet18:stem=large,norm=shared",
        dataset: "fed_cifar100",
    },
    Task {
        folder: "nlp_rnn_fedshakespeare",
        theirs: "RNN",
        model: "rnn",
        dataset: "fed_shakespeare",
    },
    Task {
        folder: "classif_cnn",
        theirs: "CNN",
        model: "lenet",
        dataset: FILES,
    },
    Task {
        folder: "ecg_cnn",
        theirs: "SuperNet",
        model: "ecg_cnn:softmax=true",
        dataset: FILES,
    },
    Task {
        folder: "nlg_gru",
        theirs: "GRU",
        model: "gru_lm",
        dataset: TEXTS,
    },
    Task {
        folder: "mlm_bert",
        theirs: "BERT",
        model: "bert",
        dataset: HIDDEN,
    },
];

/// Tasks that are not here, and why.
const ABSENT: &[(&str, &str)] = &[
    ("semisupervision", "semi-supervised training"),
    ("fednewsrec", "news data"),
    ("experiments/cv/", "personalisation"),
];

/// What is trained, by the folder of the model and by the model's name in it.
pub fn task(reading: &mut Reading<'_>, word: &Word) {
    let (folder, theirs) = (reading.text(FOLDER), reading.text(&word.key));
    let mut known = TASKS.iter().filter(|task| task.theirs == theirs);
    if let Some(task) = known.find(|task| folder.contains(task.folder)) {
        reading.becomes(word, "model", task.model.into(), "");
        let note = if task.finds_files(reading) {
            "by its folder"
        } else {
            "by its folder; --data_dir names where LEAF's JSON lies"
        };
        return reading.adds("dataset", task.dataset, note);
    }
    let why = match ABSENT.iter().find(|(name, _)| folder.contains(name)) {
        Some((_, needs)) => format!("it needs {needs}"),
        None => "nobody knows what it trains".to_owned(),
    };
    reading.refuse(word, &format!("the task of {theirs} in {folder} is not here: {why}"));
}

impl Task {
    /// Whether its data set needs no LEAF, or LEAF's files are there.
    fn finds_files(&self, reading: &Reading<'_>) -> bool {
        let files = data_folder(reading, "");
        let needs_leaf = ["mnist-leaf", "femnist"].contains(&self.dataset);
        !needs_leaf || has_leaf(&files) || has_leaf(&files.join("MNIST"))
    }

    /// Whether its data are files of users.
    fn has_files(&self) -> bool {
        [FILES, TEXTS, HIDDEN].contains(&self.dataset)
    }
}

/// The task, if it is one that is here.
fn known(reading: &Reading<'_>) -> Option<&'static Task> {
    let folder = reading.text(FOLDER);
    TASKS.iter().find(|task| folder.contains(task.folder))
}

/// Files lie in --data_dir, which is its `-dataPath`.
pub fn train_file(reading: &mut Reading<'_>, word: &Word) {
    named_file(reading, word, "train_file");
}

pub fn test_file(reading: &mut Reading<'_>, word: &Word) {
    named_file(reading, word, "test_file");
}

fn named_file(reading: &mut Reading<'_>, word: &Word, setting: &str) {
    if known(reading).is_some_and(Task::has_files) {
        return reading.same(word, setting, "in --data_dir");
    }
    reading.refuse(word, "the data set of this task finds its own files in --data_dir")
}

pub fn width(reading: &mut Reading<'_>, word: &Word) {
    let setting = match word.key.rsplit('.').next() {
        Some("embed_dim") => "embedding",
        Some("hidden_dim") => "units",
        _ => "words",
    };
    if known(reading).is_some_and(|task| task.dataset == TEXTS) {
        return reading.same(word, setting, "");
    }
    of_task(reading, word)
}

const SIZES: [&str; 5] = ["tiny", "mini", "small", "medium", "base"];

/// Sizes of BERT by the names of Hugging Face's models.
pub fn size(reading: &mut Reading<'_>, word: &Word) {
    let name = reading.text(&word.key);
    let is_bert = name.contains("bert") && !name.contains("roberta");
    match SIZES.iter().find(|size| is_bert && name.contains(*size)) {
        Some(size) => {
            let note = "from random weights unless --init_from says where they are";
            reading.becomes(word, "size", (*size).into(), note);
        }
        None => reading
            .not_here(word, "bert-tiny, bert-mini, bert-small, bert-medium, bert-base-uncased"),
    }
}

pub fn of_task(reading: &mut Reading<'_>, word: &Word) {
    if word.key == FOLDER || known(reading).is_none() {
        return reading.nothing(word, "of the task, which model_type tells");
    }
    reading.refuse(word, "is no option of this model here")
}
