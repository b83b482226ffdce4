//! How a command reaches the use cases: over the admin API of a running gateway, or in its own process.
//!
//! `.state/admin.json` says where a gateway serves. The first command that finds `.state/bootstrap` exchanges it for
//! a token of the operating system's user, kept in `.state/token`. When nothing runs, the command takes the lock of
//! the folder and calls the same routes in its own process.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail};
use axum::http::Method;
use serde_json::{Value, json};
use store::{DirectoryLock, LockError};

use crate::cli::Global;
use crate::client::{Client, Verify};
use crate::{offline, system};

/// The folder of state inside a repository.
pub(crate) const STATE: &str = ".state";

/// Finds the way for a command.
pub(crate) async fn client(global: &Global) -> anyhow::Result<Client> {
    if let Some(url) = &global.admin {
        let token = read_token(global)?.with_context(|| {
            format!(
                "`--admin` needs a token: give --token-file, or have one in {}",
                token_path(global).display()
            )
        })?;
        let verify = Verify { ca_file: global.admin_ca.clone(), name: None };
        return Client::remote(url, &verify, Some(token));
    }
    match running(&global.dir)? {
        Some(Running { url, mut verify }) => {
            if global.admin_ca.is_some() {
                verify.ca_file.clone_from(&global.admin_ca);
            }
            let token = match read_token(global)? {
                Some(token) => token,
                None => bootstrap(global, &url, &verify).await?,
            };
            Client::remote(&url, &verify, Some(token))
        }
        None => offline::client(&global.dir),
    }
}

/// Where a gateway serves its admin API, and how that is verified.
#[derive(Debug)]
struct Running {
    url: String,
    verify: Verify,
}

/// The admin address of the gateway that runs on this repository, if one does. The folder's lock is what says so: a
/// gateway that was killed leaves `admin.json` behind, and by now another program may listen there, to which no token
/// must be sent.
fn running(dir: &Path) -> anyhow::Result<Option<Running>> {
    let state = dir.join(STATE);
    let path = state.join("admin.json");
    let Ok(text) = fs::read_to_string(&path) else {
        return Ok(None);
    };
    let held = match DirectoryLock::acquire(&state) {
        Ok(_) => return Ok(None),
        Err(LockError::Held { pid, .. }) => Some(u64::from(pid)),
        // Who may not open the lock is not the one who started the gateway; the file is what there is to go by.
        Err(LockError::HeldByUnknown { .. } | LockError::File { .. }) => None,
    };
    let value: Value = serde_json::from_str(&text).unwrap_or_default();
    let (url, pid) = (value.get("url").and_then(Value::as_str), value.get("pid").and_then(Value::as_u64));
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let verify = Verify { ca_file: text("ca_file").map(Into::into), name: text("server_name") };
    match (url, held) {
        (Some(url), None) => Ok(Some(Running { url: url.to_owned(), verify })),
        (Some(url), held) if held == pid => Ok(Some(Running { url: url.to_owned(), verify })),
        (_, Some(held)) => bail!("{} is in use by process {held}; wait until it has ended", dir.display()),
        (None, None) => bail!("{} does not say where the gateway is; remove it", path.display()),
    }
}

fn token_path(global: &Global) -> std::path::PathBuf {
    global.token_file.clone().unwrap_or_else(|| global.dir.join(STATE).join("token"))
}

fn read_token(global: &Global) -> anyhow::Result<Option<String>> {
    let path = token_path(global);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && global.token_file.is_none() => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read the token in {}", path.display())),
    }
}

/// Exchanges the bootstrap credential, once, for a token of the person who runs this command.
async fn bootstrap(global: &Global, url: &str, verify: &Verify) -> anyhow::Result<String> {
    let state = global.dir.join(STATE);
    let path = state.join("bootstrap");
    let credential = fs::read_to_string(&path).with_context(|| {
        format!(
            "there is no token in {} and no bootstrap credential in {}; ask an administrator for a token and give it with \
             --token-file; where nobody has one, stop the gateway: `sallyport --dir {} admin create NAME --role admin` needs none then",
            token_path(global).display(),
            path.display(),
            global.dir.display()
        )
    })?;
    let body = json!({ "credential": credential.trim(), "name": system::user() });
    let answer = Client::remote(url, verify, None)?
        .ask(Method::POST, "/v1/bootstrap", Some(&body))
        .await
        .context("the bootstrap credential was refused; restart the gateway for a new one, or use a token")?;
    let token =
        answer.get("token").and_then(Value::as_str).context("the gateway answered without a token")?;
    system::write_private(&state.join("token"), format!("{token}\n").as_bytes())?;
    // Used up; what is left behind would only mislead.
    drop(fs::remove_file(&path));
    Ok(token.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::TemporaryFolder;

    #[test]
    fn only_the_process_that_holds_the_folder_is_its_gateway() {
        let folder = TemporaryFolder::new().unwrap();
        let state = folder.path().join(STATE);
        let own = std::process::id();
        let leave = |pid: u32| {
            let text = json!({ "url": "http://127.0.0.1:1", "pid": pid }).to_string();
            fs::write(state.join("admin.json"), text).unwrap();
        };
        assert!(running(folder.path()).unwrap().is_none(), "there is no state yet");
        store::private_folder(&state).unwrap();
        leave(own);
        assert!(running(folder.path()).unwrap().is_none(), "it was killed: nobody holds the lock");
        let lock = DirectoryLock::acquire(&state).unwrap();
        assert_eq!(running(folder.path()).unwrap().unwrap().url, "http://127.0.0.1:1");
        leave(own + 1);
        let refused = running(folder.path()).unwrap_err().to_string();
        assert!(refused.contains(&format!("process {own}")), "another command holds it: {refused}");
        drop(lock);
        assert!(running(folder.path()).unwrap().is_none());
    }
}
