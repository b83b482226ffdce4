//! Puts a gateway together and runs it: workers, admin API, watcher, and the upkeep between them.
//!
//! Worker threads have a runtime each and share nothing but the snapshot pointer. The admin API, the watcher and the
//! upkeep run beside them. Ending goes the other way round: workers drain, then the log is closed.

mod feed;
mod keys;
mod secured;
mod upkeep;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, bail};
use config::Reach;
use control::{Control, Opened};
use enforce::Guesses;
use proxy::{KeyWants, Settings, Setup, Shutdown};
use recorder::WorkerLog;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use traffic::RingSender;

use crate::cli::{Global, UpArguments};
use crate::commands::Verdict;
use crate::output::{Format, Output};
use crate::reach::STATE;
use crate::watch::Watcher;
use crate::{offline, system};
use feed::Feed;
use keys::Keys;
use secured::Secured;
use upkeep::Upkeep;

/// How long requests to the admin API may take to end.
const ADMIN_DRAIN: Duration = Duration::from_millis(500);

/// What a gateway is started with, beside its files.
#[derive(Debug)]
pub(crate) struct Start<'a> {
    pub(crate) dir: &'a Path,
    pub(crate) master: identity::MasterKey,
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) admin_listen: Option<SocketAddr>,
    pub(crate) workers: NonZeroUsize,
    pub(crate) plaintext: Plaintext,
    pub(crate) settings: Settings,
}

/// Whether callers of other machines may come without TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plaintext {
    Allowed,
    LoopbackOnly,
}

/// A gateway that serves.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) control: Arc<Control>,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    shutdown: watch::Sender<Shutdown>,
    workers: Vec<JoinHandle<std::io::Result<()>>>,
    admin_task: tokio::task::JoinHandle<std::io::Result<()>>,
    admin_stop: watch::Sender<bool>,
    watcher: Watcher,
    upkeep: Upkeep,
    feed: Feed,
    keys: Keys,
}

/// Runs `up` until it is told to end.
pub(crate) async fn run(global: &Global, arguments: &UpArguments, output: Output) -> anyhow::Result<Verdict> {
    let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let workers =
        arguments.workers.and_then(|workers| NonZeroUsize::new(usize::from(workers))).unwrap_or(cores);
    let mut ending = Ending::listen()?;
    let plaintext = if arguments.plaintext { Plaintext::Allowed } else { Plaintext::LoopbackOnly };
    let gateway = Gateway::start(Start {
        dir: &global.dir,
        master: system::master_key()?,
        listen: arguments.listen,
        admin_listen: arguments.admin_listen,
        workers,
        plaintext,
        settings: Settings::STANDARD,
    })
    .await?;
    announce(&gateway, output)?;
    let signal = ending.next().await;
    tracing::info!(signal, "draining");
    tokio::select! {
        stopped = gateway.stop() => stopped?,
        signal = ending.next() => bail!("{signal} came again before everything was drained"),
    }
    Ok(Verdict::Done)
}

fn announce(gateway: &Gateway, output: Output) -> anyhow::Result<()> {
    let revision = gateway.control.readiness().revision;
    let scheme = if gateway.control.server_tls().is_some() { "https" } else { "http" };
    let (address, admin) = (format!("{scheme}://{}", gateway.address), gateway.admin_url());
    match output.format {
        Format::Json => {
            output.json(&serde_json::json!({ "gateway": address, "admin": admin, "revision": revision }))?;
        }
        Format::Human => output.line(&format!("gateway {address}  admin {admin}  revision {revision}"))?,
    }
    Ok(())
}

/// SIGTERM and SIGINT, caught from the moment that the value is made.
#[derive(Debug)]
pub(crate) struct Ending {
    terminate: Signal,
    interrupt: Signal,
}

impl Ending {
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
        let interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
        Ok(Self { terminate, interrupt })
    }

    /// Waits for the next of them.
    pub(crate) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

impl Gateway {
    /// Starts everything; when it returns, requests are answered.
    pub(crate) async fn start(start: Start<'_>) -> anyhow::Result<Self> {
        let Opened { control, logs, refused } =
            offline::open_with(start.dir, start.workers, start.master.clone())?;
        if let Some(error) = refused {
            let in_force = control.readiness().revision;
            if prevents_start(&error) {
                return Err(error.into());
            }
            tracing::error!(error = %control::chain(&error), revision = in_force, "the files are not in force");
        }
        let (listen, admin_listen) = addresses(&control, &start)?;
        let control = Arc::new(control);
        let listeners = proxy::listen(listen, start.workers)
            .map_err(|error| not_listening(error, "callers", listen, "--listen"))?;
        let address = local(listeners.first())?;
        let admin_listener = TcpListener::bind(admin_listen)
            .map_err(|error| not_listening(error, "the admin API", admin_listen, "--admin-listen"))?;
        let admin = admin_listener.local_addr()?;
        let (shutdown, asked) = watch::channel(Shutdown::NotAsked);
        let (senders, rings) = feed::rings(logs.len());
        let doors = listeners.into_iter().zip(logs).zip(senders).map(|((listener, log), sightings)| Door {
            listener,
            log,
            sightings,
        });
        let (wants, wanted) = proxy::key_wants(control.live().pointer());
        let keys = Keys::start(Arc::clone(&control), wanted)?;
        let workers = start_workers(&control, doors, &wants, &[address, admin], &asked, start.settings)?;
        let feed = Feed::start(Arc::clone(&control), rings)?;
        let (admin_stop, admin_stopped) = watch::channel(false);
        let admin_task = serve_admin(Arc::clone(&control), admin_listener, admin_stopped)?;
        let watcher = Watcher::start(Arc::clone(&control))?;
        let upkeep = Upkeep::start(Arc::clone(&control))?;
        control.is_serving();
        let gateway = Self {
            control,
            address,
            admin,
            shutdown,
            workers,
            admin_task,
            admin_stop,
            watcher,
            upkeep,
            feed,
            keys,
        };
        gateway.leave_traces(start.dir)?;
        Ok(gateway)
    }

    /// Where commands on this machine find the admin API.
    fn admin_url(&self) -> String {
        let scheme = if self.control.admin_tls().is_some() { "https" } else { "http" };
        let mut address = self.admin;
        match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
            IpAddr::V4(_) | IpAddr::V6(_) => {}
        }
        format!("{scheme}://{address}")
    }

    /// Tells commands where the gateway is, and offers a bootstrap credential while no administrator exists.
    fn leave_traces(&self, dir: &Path) -> anyhow::Result<()> {
        let state = dir.join(STATE);
        // By which name and which authorities commands on this machine verify it.
        let server = self.control.admin_tls().map(|tls| tls.load_full());
        let names = server.iter().flat_map(|server| &server.certificates).flat_map(|facts| &facts.names);
        let name = names.into_iter().find(|name| !name.starts_with('*'));
        // Commands run in any directory.
        let ca_file = self.control.admin_ca_file().map(std::path::absolute).transpose()?;
        let found = serde_json::json!({
            "url": self.admin_url(),
            "pid": std::process::id(),
            "server_name": name,
            "ca_file": ca_file,
        });
        system::write_private(&state.join("admin.json"), format!("{found}\n").as_bytes())?;
        let bootstrap = state.join("bootstrap");
        match self.control.offer_bootstrap()? {
            Some(credential) => system::write_private(&bootstrap, format!("{credential}\n").as_bytes())?,
            None => drop(std::fs::remove_file(&bootstrap)),
        }
        Ok(())
    }

    /// Drains, and closes the log.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        let state = self.control.folder().join(STATE);
        drop(std::fs::remove_file(state.join("admin.json")));
        drop(std::fs::remove_file(state.join("bootstrap")));
        // Nobody listens any more where every worker has failed; then there is nothing to ask.
        system::unheeded(self.shutdown.send(Shutdown::Asked));
        let workers = self.workers;
        let joined = tokio::task::spawn_blocking(move || {
            workers.into_iter().map(JoinHandle::join).collect::<Vec<_>>()
        });
        // Whatever failed, the log is closed before it is told.
        let mut drained = Ok(());
        for worker in joined.await? {
            drained = drained.and(match worker {
                Ok(ended) => ended.context("a worker failed"),
                Err(_) => Err(anyhow::anyhow!("a worker panicked")),
            });
        }
        system::unheeded(self.admin_stop.send(true));
        let mut admin_task = self.admin_task;
        if tokio::time::timeout(ADMIN_DRAIN, &mut admin_task).await.is_err() {
            admin_task.abort();
        }
        let (watcher, upkeep, feed, control) = (self.watcher, self.upkeep, self.feed, self.control);
        let keys = self.keys;
        let closed = tokio::task::spawn_blocking(move || {
            watcher.stop();
            upkeep.stop();
            feed.stop();
            keys.stop();
            match Arc::try_unwrap(control) {
                Ok(control) => control.close(),
                // A connection to the admin API that never ends holds it; the log is closed with the last holder.
                Err(control) => control.keep_up(),
            }
        });
        closed.await?.context("the log could not be closed")?;
        drained
    }
}

/// Whether a gateway does not even start with these files: `sallyport.yaml` says where to listen and for whom. With
/// any other fault it serves by the last good revision, or denies everything.
fn prevents_start(error: &control::ControlError) -> bool {
    match error {
        control::ControlError::Files(errors) => errors.iter().any(|error| error.file == "sallyport.yaml"),
        _ => false,
    }
}

/// Where to listen: as asked for, else as the files say. Without TLS, beyond this machine only when told so.
fn addresses(control: &Control, start: &Start<'_>) -> anyhow::Result<(SocketAddr, SocketAddr)> {
    let configured = control.listen_addresses();
    let listen = start.listen.unwrap_or(configured.0);
    let admin = start.admin_listen.unwrap_or(configured.1);
    if config::ListenAddress(admin).reach() == Reach::Beyond && control.admin_tls().is_none() {
        bail!(
            "{admin} can be reached from other machines, and the admin API is for this machine alone while it has no TLS; \
             write `admin_tls` in sallyport.yaml, or listen on a loopback address"
        );
    }
    let is_open = config::ListenAddress(listen).reach() == Reach::Beyond && control.server_tls().is_none();
    if is_open && start.plaintext == Plaintext::LoopbackOnly {
        bail!(
            "{listen} can be reached from other machines and there is no TLS; write `tls` in sallyport.yaml, or say --plaintext if that is meant"
        );
    }
    Ok((listen, admin))
}

/// Why nobody can be listened to there, and what helps.
fn not_listening(error: std::io::Error, what: &str, address: SocketAddr, option: &str) -> anyhow::Error {
    let fix = match error.kind() {
        std::io::ErrorKind::AddrInUse => format!(
            "; a program listens there already, maybe another gateway (`ss -ltnp` names it): end it, or take another \
             address with {option} or in sallyport.yaml"
        ),
        _ => String::new(),
    };
    anyhow::Error::new(error).context(format!("cannot serve {what} at {address}{fix}"))
}

fn local(listener: Option<&TcpListener>) -> anyhow::Result<SocketAddr> {
    Ok(listener.context("there is no listener")?.local_addr()?)
}

/// What each worker has for itself.
struct Door {
    listener: TcpListener,
    log: WorkerLog,
    sightings: RingSender,
}

fn start_workers(
    control: &Arc<Control>,
    doors: impl Iterator<Item = Door>,
    wants: &KeyWants,
    own: &[SocketAddr],
    shutdown: &watch::Receiver<Shutdown>,
    settings: Settings,
) -> anyhow::Result<Vec<JoinHandle<std::io::Result<()>>>> {
    let jwks = control.jwks();
    let mut seed = [0_u8; 8];
    system::random(&mut seed)?;
    let guesses = Arc::new(Guesses::new(u64::from_le_bytes(seed)));
    let tls = control.server_tls();
    let mut workers = Vec::new();
    for (number, Door { listener, log, sightings }) in doors.enumerate() {
        let mut seed = [0_u8; 32];
        system::random(&mut seed)?;
        let setup = Setup {
            snapshots: control.live().pointer(),
            judge: enforce::Worker::new(seed).sharing(Arc::clone(&guesses)),
            param_key: control.param_key(),
            log,
            sightings,
            clock: Arc::new(system::now),
            jwks: Arc::clone(&jwks),
            claimed: control.claimed_ledger(),
            wants: Some(wants.clone()),
            own: own.to_vec(),
            tls: tls.clone(),
            upstream_tls: control.upstream_tls(),
            settings,
        };
        let shutdown = shutdown.clone();
        let worker = std::thread::Builder::new()
            .name(format!("worker-{number}"))
            .spawn(move || proxy::run_worker(listener, setup, shutdown))
            .context("cannot start a worker")?;
        workers.push(worker);
    }
    Ok(workers)
}

fn serve_admin(
    control: Arc<Control>,
    listener: TcpListener,
    mut stopped: watch::Receiver<bool>,
) -> anyhow::Result<tokio::task::JoinHandle<std::io::Result<()>>> {
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let tls = control.admin_tls();
    let router = admin::router(control, address);
    Ok(tokio::spawn(async move {
        let ended = async move { drop(stopped.wait_for(|stopped| *stopped).await) };
        match tls {
            None => axum::serve(listener, router).with_graceful_shutdown(ended).await,
            Some(tls) => axum::serve(Secured::new(listener, tls), router).with_graceful_shutdown(ended).await,
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_broken_sallyport_yaml_prevents_a_start() {
        let error = |file: &str| config::ConfigError {
            file: file.to_owned(),
            line: 1,
            column: 1,
            reason: String::new(),
            fix: String::new(),
        };
        for (files, prevented) in [
            (&["sallyport.yaml"][..], true),
            (&["apis/a/api.yaml", "sallyport.yaml"], true),
            (&["apis/a/api.yaml", "policies/sallyport.yaml"], false),
            (&[], false),
        ] {
            let errors = files.iter().map(|file| error(file)).collect();
            assert_eq!(prevents_start(&control::ControlError::Files(errors)), prevented, "{files:?}");
        }
        assert!(!prevents_start(&control::ControlError::NotRecorded));
    }
}
