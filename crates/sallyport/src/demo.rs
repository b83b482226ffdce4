//! `sallyport demo`: a real API behind the gateway, callers that are allowed and callers that are not, on one screen.
//!
//! Everything runs in this process and ends with it. Without `--data-dir` the repository, the keys and the log are in
//! a temporary folder that is removed at the end, and the master key is in memory only.

mod caller;
mod repository;
mod sample;
mod samples;
mod screen;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use control::{Actor, Control, KeyOrder};
use identity::MasterKey;
use proxy::{Deadlines, Settings};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::cli::DemoArguments;
use crate::commands::Verdict;
use crate::output::{Format, Output};
use crate::reach::STATE;
use crate::system::{self, TemporaryFolder};
use crate::up::{Ending, Gateway, Plaintext, Start};
use samples::Sample;

const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// How long requests may take to end at Ctrl-C.
const DRAIN: Duration = Duration::from_millis(500);

/// The applications of the demo and their keys.
#[derive(Debug)]
struct Keys {
    shop: String,
    warehouse: String,
}

/// Where things are.
#[derive(Debug)]
struct Place<'a> {
    gateway: SocketAddr,
    admin: SocketAddr,
    admin_token: String,
    upstream: SocketAddr,
    folder: &'a Path,
    kept: bool,
}

/// Runs the demo until Ctrl-C or the end of its duration.
pub(crate) async fn run(arguments: &DemoArguments, output: Output) -> anyhow::Result<Verdict> {
    let mut ending = Ending::listen()?;
    let temporary = match &arguments.data_dir {
        None => Some(TemporaryFolder::new()?),
        Some(_) => None,
    };
    let (folder, master) = match (&arguments.data_dir, &temporary) {
        (Some(folder), _) => (folder.as_path(), system::master_key()?),
        (None, Some(temporary)) => (temporary.path(), MasterKey::generate()?),
        (None, None) => anyhow::bail!("there is no folder for the demo"),
    };
    let listener = TcpListener::bind(ANY_PORT).await.context("cannot start the sample API")?;
    let upstream = listener.local_addr()?;
    repository::write(folder, upstream)?;
    let (stop, stopped) = watch::channel(false);
    let mut tasks = JoinSet::new();
    tasks.spawn(serve_sample(listener, stopped.clone()));
    let gateway = Gateway::start(Start {
        dir: folder,
        master,
        listen: Some(ANY_PORT),
        admin_listen: Some(ANY_PORT),
        workers: NonZeroUsize::MIN,
        plaintext: Plaintext::LoopbackOnly,
        settings: Settings {
            deadlines: Deadlines { drain: DRAIN, ..Settings::STANDARD.deadlines },
            ..Settings::STANDARD
        },
    })
    .await?;
    let shown = show(&gateway, upstream, folder, arguments, output, &mut tasks, &stopped).await;
    if shown.is_ok() {
        wait(&mut ending, arguments.duration).await;
    }
    system::unheeded(stop.send(true));
    let summary = gateway.control.status(&Actor::gateway(), control::ReadyOrder::default()).ok();
    tasks.shutdown().await;
    gateway.stop().await?;
    shown?;
    if let (Format::Human, Some(summary)) = (output.format, summary) {
        screen::farewell(&summary, arguments.data_dir.as_deref(), output)?;
    }
    Ok(Verdict::Done)
}

async fn serve_sample(listener: TcpListener, stopped: watch::Receiver<bool>) {
    if let Err(error) = sample::serve(listener, stopped).await {
        tracing::error!(%error, "the sample API ended");
    }
}

async fn wait(ending: &mut Ending, duration: Option<Duration>) {
    match duration {
        None => drop(ending.next().await),
        Some(duration) => tokio::select! {
            _ = ending.next() => {}
            () = tokio::time::sleep(duration) => {}
        },
    }
}

async fn show(
    gateway: &Gateway,
    upstream: SocketAddr,
    folder: &Path,
    arguments: &DemoArguments,
    output: Output,
    tasks: &mut JoinSet<()>,
    stopped: &watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let keys = people(&gateway.control)?;
    let token = administrator(&gateway.control, folder)?;
    let place = Place {
        gateway: gateway.address,
        admin: gateway.admin,
        admin_token: token,
        upstream,
        folder,
        kept: arguments.data_dir.is_some(),
    };
    let samples = samples::all(gateway.address, &keys);
    if output.format == Format::Json {
        output.json(&screen::first_line(&place, &samples))?;
    } else {
        let answered = answer_all(&samples).await?;
        screen::greet(&gateway.control, &place, &answered, output)?;
    }
    for caller in caller::all(gateway.address, &keys) {
        tasks.spawn(caller.run(stopped.clone()));
    }
    Ok(())
}

/// Sends each sample once, for real.
async fn answer_all(samples: &[Sample]) -> anyhow::Result<Vec<samples::Answered<'_>>> {
    let mut answered = Vec::new();
    for sample in samples {
        answered.push(sample.send().await?);
    }
    Ok(answered)
}

/// Why whatever it makes is made.
const REASON: &str = "demo";

/// Two teams, three applications, their keys.
fn people(control: &Control) -> anyhow::Result<Keys> {
    let actor = Actor::gateway();
    let create = |name: &str, team: &str, attributes: &[String]| match control.application(&actor, name) {
        Ok(_) => Ok(()),
        Err(control::ControlError::Absent { .. }) => {
            control.create_application(&actor, name, team, attributes, REASON).map(|_| ())
        }
        Err(error) => Err(error),
    };
    create("shop", "storefront", &["customer=42".to_owned()])?;
    create("warehouse", "operations", &[])?;
    let key = |application: &str| -> anyhow::Result<String> {
        let order = KeyOrder {
            application: application.to_owned(),
            scopes: vec!["orders".to_owned()],
            expires: None,
            count: 1,
            reason: REASON.to_owned(),
        };
        let issued = control.create_keys(&actor, &order)?;
        Ok(issued.into_iter().next().context("no key was made")?.key)
    };
    Ok(Keys { shop: key("shop")?, warehouse: key("warehouse")? })
}

/// An administrator for whoever looks at the demo; in a kept folder the one of an earlier demo. The token is left where
/// commands look for it.
fn administrator(control: &Control, folder: &Path) -> anyhow::Result<String> {
    let actor = Actor::gateway();
    let path = folder.join(STATE).join("token");
    let earlier = std::fs::read_to_string(&path).unwrap_or_default();
    if control.authenticate(earlier.trim()).is_ok() {
        return Ok(earlier.trim().to_owned());
    }
    let mut bytes = [0_u8; 4];
    system::random(&mut bytes)?;
    let name = format!("demo-{:08x}", u32::from_be_bytes(bytes));
    let token = control.create_administrator(&actor, &name, "admin", REASON)?.token;
    system::write_private(&path, format!("{token}\n").as_bytes())?;
    // None is offered any more once there is an administrator.
    drop(std::fs::remove_file(folder.join(STATE).join("bootstrap")));
    Ok(token)
}
