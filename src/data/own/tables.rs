//! `csv` and `parquet`: one table for training, and one for testing or a share of the first.

use super::encode::{Encoder, Missing, Roles, Target};
use super::rows::{Finish, Raw, Rows};
use super::standard::Wanted;
use super::table::{self, Cells, Field, Table};
use super::taken::Take;
use super::{fault, files_of, parquet, tell};
use crate::data::{About, DataError, Dataset, Source};
use crate::part;
use crate::part::{Part, Range, Values};
use std::path::{Path, PathBuf};

part! {
    /// Their settings.
    pub Tables {
        label: String = "''", "COLUMN", Range::ANY, "column of the target";
        user: String = "''", "COLUMN", Range::ANY, "column that says whose a row is";
        leave_out: String = "''", "COLUMN+COLUMN", Range::ANY, "columns that are not looked at";
        categorical: String = "''", "COLUMN+COLUMN", Range::ANY, "columns of numbers that are categories; those of words always are";
        task: Target = "detect", "TASK", Range::ANY, "what is learned; detect: words and few whole numbers are classes";
        missing: Missing = "refuse", "RULE", Range::ANY, "what becomes of rows with empty cells: refuse, drop, zero, or mean (of the training data; a category is none)";
        standardise: String = "set", "FIGURES", Range::ANY, "numbers become (value - mean) / deviation: none, set (of the training data), or MEAN/DEVIATION";
        test_share: f64 = "0.2", "SHARE", Range::FRACTION, "share of each user's rows that is set aside where there is no test file";
    }
}

/// A form of tables: the end of file names, and how one is read.
struct Form {
    end: &'static str,
    read: fn(&Path, Take<'_>) -> Result<Table, String>,
}

const CSV: Form = Form {
    end: ".csv",
    read: table::csv,
};

const PARQUET: Form = Form {
    end: ".parquet",
    read: parquet::read,
};

impl Form {
    /// A file's table, beside its path.
    fn table(&self, path: PathBuf, roles: &Roles) -> Result<(PathBuf, Table), DataError> {
        match (self.read)(&path, &|name| roles.taken(name)) {
            Ok(table) => Ok((path, table)),
            Err(reason) => Err(fault(&path, reason)),
        }
    }
}

/// Text with separators.
pub fn csv(values: &Values, source: &Source<'_>) -> Result<Dataset, DataError> {
    dataset(values, source, &CSV)
}

/// Apache Parquet.
pub fn parquet(values: &Values, source: &Source<'_>) -> Result<Dataset, DataError> {
    dataset(values, source, &PARQUET)
}

fn dataset(values: &Values, source: &Source<'_>, form: &Form) -> Result<Dataset, DataError> {
    let tables = Tables::read(values);
    let wanted = |reason| fault(source.folder, reason);
    let standardise = Wanted::read(&tables.standardise).map_err(wanted)?;
    let roles = Roles {
        label: tables.label,
        user: tables.user,
        leave_out: list(&tables.leave_out),
        categorical: list(&tables.categorical),
        task: tables.task,
        missing: tables.missing,
    };
    let raw = raw(source, form, roles)?;
    raw.finish(&Finish {
        test_share: tables.test_share,
        standardise: &standardise,
        seed: source.seed,
    })
}

/// Words between plus signs.
fn list(text: &str) -> Vec<String> {
    text.split('+')
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

fn raw(source: &Source<'_>, form: &Form, roles: Roles) -> Result<Raw, DataError> {
    let (train, test) = paths(source.folder, form.end)?;
    let train = match source.test_only {
        true => None,
        false => Some(form.table(train, &roles)?),
    };
    let test = test.map(|path| form.table(path, &roles)).transpose()?;
    let Some((path, known)) = train.as_ref().or(test.as_ref()) else {
        return Err(fault(
            source.folder,
            format!("there is no test{} (hint: the server tests on one)", form.end),
        ));
    };
    if roles.label.is_empty() {
        let names: Vec<&str> = known
            .fields
            .iter()
            .map(|field| field.name.as_str())
            .collect();
        return Err(fault(
            path,
            format!("no column is the target (hint: label=COLUMN of {})", names.join(", ")),
        ));
    }
    let other = test.as_ref().map(|(_, table)| table);
    if let (Some(train), Some(test)) = (&train, &test) {
        alike(&roles, train, test).map_err(|reason| fault(&test.0, reason))?;
    }
    let mut notes = vec![format!("missing={}", roles.missing)];
    for (path, table) in train.iter().chain(&test) {
        if let Some(note) = rest(path, table, &roles) {
            tell(&mut notes, note);
        }
    }
    let fills = roles.missing == Missing::Mean;
    let encoder = Encoder::new(roles, known, other).map_err(|reason| fault(path, reason))?;
    let mut rows = |table| encoded(&encoder, table, &mut notes);
    let train = train.as_ref().map(&mut rows).transpose()?;
    let test = test.as_ref().map(&mut rows).transpose()?;
    let about = About {
        features: encoder.names(),
        classes: encoder.classes(),
        notes,
        ..About::default()
    };
    Ok(Raw {
        place: source.folder.to_owned(),
        facts: encoder.facts(),
        about,
        measured: encoder.measured(),
        fills,
        train,
        test,
    })
}

/// Refuses targets of a test table that are not there or of another kind than those of training.
fn alike(roles: &Roles, train: &(PathBuf, Table), test: &(PathBuf, Table)) -> Result<(), String> {
    // Where it is the training table that has none, that is told later.
    let Ok(known) = train.1.field(&roles.label) else { return Ok(()) };
    let field = test.1.field(&roles.label)?;
    let (wanted, found) = (kind(known), kind(field));
    if wanted == found || roles.task == Target::Classes {
        return Ok(());
    }
    let words = field.cells.words();
    let first = words.rows().enumerate().find(|(_, word)| !word.is_empty());
    match first {
        Some((row, word)) => Err(format!(
            "column `{}` holds {found}, such as `{word}` in row {}, in {} {wanted} \
             (hint: the same in both, or task=classes)",
            field.name,
            row + 1,
            train.0.display()
        )),
        None => Ok(()),
    }
}

fn kind(field: &Field) -> &'static str {
    match field.cells {
        Cells::Numbers(_) => "numbers",
        Cells::Words(_) => "words",
    }
}

/// What was left out of a table though nobody said so, in words.
fn rest(path: &Path, table: &Table, roles: &Roles) -> Option<String> {
    let is_unsaid = |name: &&String| !roles.leave_out.contains(*name);
    let names: Vec<String> = table.unread.iter().filter(is_unsaid).cloned().collect();
    (!names.is_empty()).then(|| {
        format!(
            "column {} of {} is left out: pandas keeps the names of rows there",
            names.join(", "),
            path.file_name().unwrap_or_default().display()
        )
    })
}

fn encoded(
    encoder: &Encoder,
    (path, table): &(PathBuf, Table),
    notes: &mut Vec<String>,
) -> Result<Rows, DataError> {
    let (rows, left_out) = encoder.rows(table).map_err(|reason| fault(path, reason))?;
    if left_out > 0 {
        let name = path.file_name().unwrap_or_default().display();
        notes.push(format!(
            "{left_out} of {} rows of {name} are left out for empty cells",
            table.rows
        ));
    }
    Ok(rows)
}

/// The training table, which is `train` or the only other one, and the test table, if there is one.
fn paths(folder: &Path, end: &str) -> Result<(PathBuf, Option<PathBuf>), DataError> {
    let (test, others): (Vec<_>, Vec<_>) = files_of(folder, &[end])?
        .into_iter()
        .partition(|path| path.file_stem().is_some_and(|stem| stem == "test"));
    let train = others
        .iter()
        .find(|path| path.file_stem().is_some_and(|stem| stem == "train"));
    match (train, &others[..]) {
        (Some(train), _) | (None, [train]) => Ok((train.clone(), test.into_iter().next())),
        (None, []) if !test.is_empty() => {
            Ok((folder.join(format!("train{end}")), test.into_iter().next()))
        }
        (None, []) => Err(fault(
            folder,
            format!("there is no {end} file (hint: --data_dir names the folder of the tables)"),
        )),
        (None, [one, other, ..]) => {
            let names =
                [one, other].map(|path| path.file_name().unwrap_or_default().display().to_string());
            Err(fault(
                folder,
                format!("{} and {} are there (hint: call one train{end})", names[0], names[1]),
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{KIND, Numbers, Train};
    use crate::seed::Seed;

    fn read(files: &[(&str, &str)], choice: &str) -> Result<Dataset, String> {
        let folder = tempfile::tempdir().expect("a folder");
        files.iter().for_each(|(name, text)| {
            std::fs::write(folder.path().join(name), text).expect("writable")
        });
        let (entry, values) = KIND.look_up(&choice.into()).expect("sound settings");
        let source = Source {
            folder: folder.path(),
            clients: 2,
            seed: Seed(1),
            test_only: false,
        };
        (entry.build)(&values, &source).map_err(|error| error.to_string())
    }

    const PATIENTS: &str =
        "id,age,sex,site,ill\n1,40,f,x,yes\n2,60,m,y,no\n3,,f,x,no\n4,50,,y,yes\n";

    #[test]
    fn a_table_becomes_a_data_set_by_its_columns_names() {
        let test = ("test.csv", "id,age,sex,site,ill\n9,55,m,x,yes\n");
        let files = [("patients.csv", PATIENTS), test];
        let set = read(&files, "csv:label=ill,user=site,leave_out=id,missing=mean").expect("sound");
        let Train::Stored(train) = &set.train else { panic!("stored") };
        assert_eq!(
            (set.about.features.join(" "), set.about.classes.join(" ")),
            ("age sex=f sex=m".to_owned(), "no yes".to_owned())
        );
        assert_eq!(
            (set.about.owners.join(" "), &set.owners),
            ("x y".to_owned(), &Some(vec![0, 2, 4]))
        );
        assert_eq!(
            (train.targets.classes(), set.test.targets.classes()),
            (Some(&[1, 0, 0, 1][..]), Some(&[1][..]))
        );
        let Numbers::Floats(values) = train.inputs.numbers() else { panic!("floats") };
        // The mean age is 50, which the missing one becomes; of a category that is not known there
        // is none.
        assert_eq!((values[3], &values[9..]), (0.0, &[0.0, 0.0, 0.0][..]));
        let rest =
            read(&files, "csv:label=ill,user=site,leave_out=id,missing=drop").expect("sound");
        assert_eq!((rest.train.count(), rest.about.notes.len()), (2, 2));
        // What a model's user must do about missing numbers.
        assert_eq!(set.about.notes, ["missing=mean"]);
        assert_eq!(set.about.filled, [("age".to_owned(), 50.0)].into());
        assert_eq!(rest.about.notes[0], "missing=drop");
    }

    #[test]
    fn users_are_the_words_that_are_written() {
        let text = "a,y,u\n1,0,007\n2,1,7\n3,0,07\n4,1,7.0\n5,0,9007199254740993\n\
                    6,1,9007199254740992\n";
        let set = read(&[("train.csv", text), ("test.csv", text)], "csv:label=y,user=u");
        assert_eq!(
            set.expect("sound").about.owners.join(" "),
            "007 7 07 7.0 9007199254740993 9007199254740992"
        );
        let codes = "a,y\n1,01\n2,1\n";
        let set = read(&[("train.csv", codes), ("test.csv", codes)], "csv:label=y");
        assert_eq!(set.expect("sound").about.classes, ["01", "1"]);
    }

    #[test]
    fn faults_of_a_test_table_name_it_and_the_row() {
        let train = ("train.csv", "a,y\n1,0\n2,1\n");
        let refused =
            |test: &str| read(&[train, ("test.csv", test)], "csv:label=y").expect_err("refused");
        let none = refused("a\n1\n");
        assert!(none.contains("test.csv: there is no column `y`"), "{none}");
        let word = refused("a,y\n1,0\noops,1\n");
        assert!(word.contains("test.csv: column `a` holds `oops` in row 2"), "{word}");
        let kinds = refused("a,y\n1,no\n1,yes\n");
        assert!(
            kinds.contains("test.csv: column `y` holds words, such as `no` in row 1, in ")
                && kinds.contains("train.csv numbers (hint:"),
            "{kinds}"
        );
    }

    #[test]
    fn faults_name_the_file_the_column_and_a_remedy() {
        let refused = |choice: &str| read(&[("train.csv", PATIENTS)], choice).expect_err("refused");
        assert!(
            refused("csv")
                .contains("train.csv: no column is the target (hint: label=COLUMN of id, age, sex")
        );
        assert!(refused("csv:label=ill").contains("column `age` is empty in row 3"));
        let rule = KIND
            .look_up(&"csv:label=ill,missing=x".into())
            .map(|_| ())
            .expect_err("no rule")
            .to_string();
        assert!(rule.contains("drop") && rule.contains("mean"), "{rule}");
        assert!(refused("csv:label=illl").contains("did you mean `ill`?"));
        let two =
            read(&[("a.csv", PATIENTS), ("b.csv", PATIENTS)], "csv:label=ill").expect_err("which?");
        assert!(two.contains("a.csv and b.csv are there (hint: call one train.csv)"), "{two}");
        assert!(
            read(&[], "csv:label=ill")
                .expect_err("nothing")
                .contains("there is no .csv file")
        );
    }
}
