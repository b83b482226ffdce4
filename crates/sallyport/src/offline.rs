//! Commands while no gateway runs: the repository is opened in this process, under its lock.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use control::{Actor, Control, OpenOptions, Opened, Outside};

use crate::client::Client;
use crate::reach::STATE;
use crate::system;

/// Opens the repository and gives its routes, as the operating system's user.
pub(crate) fn client(dir: &Path) -> anyhow::Result<Client> {
    let Opened { control, logs, refused } = open(dir, NonZeroUsize::MIN)?;
    drop(logs);
    if let Some(refused) = refused {
        tracing::warn!(error = %control::chain(&refused), "the files are not in force");
    }
    let actor = Actor::offline(&system::user());
    Ok(Client::Offline { router: admin::offline_router(Arc::new(control), actor) })
}

/// Opens a repository with what only the program can give.
pub(crate) fn open(dir: &Path, workers: NonZeroUsize) -> anyhow::Result<Opened> {
    open_with(dir, workers, system::master_key()?)
}

/// Opens a repository under this master key.
pub(crate) fn open_with(
    dir: &Path,
    workers: NonZeroUsize,
    master: identity::MasterKey,
) -> anyhow::Result<Opened> {
    let marker = dir.join("sallyport.yaml");
    if !marker.exists() {
        anyhow::bail!(
            "{} is no policy repository: it has no sallyport.yaml; make one with `sallyport init`, or name one with --dir",
            dir.display()
        );
    }
    let options = OpenOptions { folder: dir.to_owned(), state: dir.join(STATE), workers };
    let outside = Outside { clock: Arc::new(system::now), random: system::random, master };
    Control::open(options, outside).with_context(|| format!("cannot open the repository {}", dir.display()))
}
