//! Runs that flags name in place of files: `--resume last`, `--cf last~1`, `--init_from
//! 20261126-092156-mnist-2nn`. All ranks take what the server finds: what is the last run may
//! change while they look.

use super::settle::{Stop, settle};
use crate::config::{Config, Flags, RUN_CONFIG};
use crate::ids::Rank;
use crate::record::{self, MODEL, NoRun};
use crate::transport::World;
use crate::transport::mpi::Mpi;
use anyhow::{Error, Result};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// What was found in place of `--resume`, `--cf` and `--init_from`; none where a file was named, or
/// nothing.
type Found = [Option<PathBuf>; 3];

/// What flags resolve to, runs by name among them.
///
/// # Errors
/// A run that there is not; as [`Config::resolve`].
pub(crate) fn resolve(flags: &Flags) -> Result<Config> {
    Ok(Config::resolve(&with(flags, find(flags)?))?)
}

/// The flags with the runs that the server finds.
pub(super) fn agree(mpi: &Mpi, flags: &Flags) -> Result<Flags, Stop> {
    let is_server = mpi.rank() == Rank::SERVER;
    let found = is_server.then(|| find(flags)).transpose();
    let found = settle(mpi, found.map_err(Error::from))?;
    let bytes = found
        .unwrap_or_default()
        .map(|path| path.map(|path| path.into_os_string().into_vec()));
    let told = mpi.share(&bytes).swap_remove(0);
    Ok(with(flags, told.map(|path| path.map(|bytes| OsString::from_vec(bytes).into()))))
}

fn with(flags: &Flags, [resume, cf, init_from]: Found) -> Flags {
    let mut flags = flags.clone();
    flags.resume = resume.or(flags.resume);
    flags.cf = cf.or(flags.cf);
    flags.init_from = init_from.or(flags.init_from);
    flags
}

fn find(flags: &Flags) -> Result<Found, NoRun> {
    Ok([
        meant(flags.resume.as_deref(), None)?,
        meant(flags.cf.as_deref(), Some(RUN_CONFIG))?,
        meant(flags.init_from.as_deref(), Some(MODEL))?,
    ])
}

/// The run, or its file, that somebody means who names no file that is there. What is no run either
/// is left to who wants to read it.
fn meant(given: Option<&Path>, file: Option<&str>) -> Result<Option<PathBuf>, NoRun> {
    let Some(given) = given.filter(|path| !path.is_file()) else { return Ok(None) };
    match record::find(given) {
        Ok(folder) => Ok(Some(file.map_or_else(|| folder.clone(), |file| folder.join(file)))),
        Err(NoRun::Unknown(_)) => Ok(None),
        Err(none) => Err(none),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_stand_for_their_files_and_files_for_themselves() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().to_owned();
        let config = path.join(RUN_CONFIG);
        std::fs::write(&config, "").expect("writable");
        let given = |name: &Path| Some(name.to_owned());
        let flags = Flags {
            resume: given(&path),
            cf: given(&path),
            init_from: given(&path),
            ..Flags::default()
        };
        let named = with(&flags, find(&flags).expect("there"));
        assert_eq!(
            (named.resume, named.cf, named.init_from),
            (Some(path.clone()), Some(config.clone()), given(&path.join(MODEL)))
        );
        assert_eq!(meant(Some(&config), Some(RUN_CONFIG)).expect("there"), None);
        assert_eq!(meant(Some(Path::new("no run")), None).expect("left"), None);
        let far = meant(Some(Path::new("last~100000")), None).expect_err("not so many");
        assert!(far.to_string().contains("there is no last~100000"));
    }
}
