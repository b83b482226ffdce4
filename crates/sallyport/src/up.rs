//! Puts a gateway together and runs it: workers, admin API, watcher, and the upkeep between them.
//!
//! Worker threads have a runtime each and share nothing but the snapshot pointer. The admin API, the watcher and the
//! upkeep run beside them. Ending goes the other way round: workers drain, then the log is closed.

mod upkeep;

use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::{Context as _, bail};
use config::Reach;
use control::{Control, Opened};
use proxy::{Settings, Setup, Shutdown};
use recorder::WorkerLog;
use tokio::sync::watch;

use crate::cli::{Global, UpArguments};
use crate::commands::Verdict;
use crate::output::{Format, Output};
use crate::reach::STATE;
use crate::watch::Watcher;
use crate::{offline, system};
use upkeep::Upkeep;

/// What a gateway is started with, beside its files.
#[derive(Debug)]
pub(crate) struct Start<'a> {
    pub(crate) dir: &'a Path,
    pub(crate) master: identity::MasterKey,
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) admin_listen: Option<SocketAddr>,
    pub(crate) workers: NonZeroUsize,
    pub(crate) plaintext: Plaintext,
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
}

/// Runs `up` until it is told to end.
pub(crate) async fn run(global: &Global, arguments: &UpArguments, output: Output) -> anyhow::Result<Verdict> {
    let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let workers =
        arguments.workers.and_then(|workers| NonZeroUsize::new(usize::from(workers))).unwrap_or(cores);
    let plaintext = if arguments.plaintext { Plaintext::Allowed } else { Plaintext::LoopbackOnly };
    let gateway = Gateway::start(Start {
        dir: &global.dir,
        master: system::master_key()?,
        listen: arguments.listen,
        admin_listen: arguments.admin_listen,
        workers,
        plaintext,
    })
    .await?;
    announce(&gateway, output)?;
    let signal = ended().await?;
    tracing::info!(signal, "draining");
    gateway.stop().await?;
    Ok(Verdict::Done)
}

fn announce(gateway: &Gateway, output: Output) -> anyhow::Result<()> {
    let revision = gateway.control.readiness().revision;
    let (address, admin) = (format!("http://{}", gateway.address), format!("http://{}", gateway.admin));
    match output.format {
        Format::Json => {
            output.json(&serde_json::json!({ "gateway": address, "admin": admin, "revision": revision }))?;
        }
        Format::Human => output.line(&format!("gateway {address}  admin {admin}  revision {revision}"))?,
    }
    Ok(())
}

/// Waits for SIGTERM or SIGINT.
pub(crate) async fn ended() -> anyhow::Result<&'static str> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
    Ok(tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    })
}

impl Gateway {
    /// Starts everything; when it returns, requests are answered.
    pub(crate) async fn start(start: Start<'_>) -> anyhow::Result<Self> {
        let Opened { control, logs, refused } =
            offline::open_with(start.dir, start.workers, start.master.clone())?;
        if let Some(error) = refused {
            let in_force = control.readiness().revision;
            if in_force == 0 && !start.dir.join("sallyport.yaml").exists() {
                return Err(error.into());
            }
            tracing::error!(error = %control::chain(&error), revision = in_force, "the files are not in force");
        }
        let (listen, admin_listen) = addresses(&control, &start)?;
        let control = Arc::new(control);
        let listeners = listeners(listen, start.workers)?;
        let address = local(listeners.first())?;
        let admin_listener = TcpListener::bind(admin_listen)
            .with_context(|| format!("cannot serve the admin API at {admin_listen}"))?;
        let admin = admin_listener.local_addr()?;
        let (shutdown, asked) = watch::channel(Shutdown::NotAsked);
        let workers = start_workers(&control, listeners, logs, &[address, admin], &asked)?;
        let (admin_stop, admin_stopped) = watch::channel(false);
        let admin_task = serve_admin(Arc::clone(&control), admin_listener, admin_stopped)?;
        let watcher = Watcher::start(Arc::clone(&control))?;
        let upkeep = Upkeep::start(Arc::clone(&control))?;
        let gateway =
            Self { control, address, admin, shutdown, workers, admin_task, admin_stop, watcher, upkeep };
        gateway.leave_traces(start.dir)?;
        Ok(gateway)
    }

    /// Tells commands where the gateway is, and offers a bootstrap credential while no administrator exists.
    fn leave_traces(&self, dir: &Path) -> anyhow::Result<()> {
        let state = dir.join(STATE);
        let found = serde_json::json!({ "url": format!("http://{}", self.admin), "pid": std::process::id() });
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
        for worker in joined.await? {
            match worker {
                Ok(ended) => ended.context("a worker failed")?,
                Err(_) => bail!("a worker panicked"),
            }
        }
        system::unheeded(self.admin_stop.send(true));
        self.admin_task.await??;
        let (watcher, upkeep) = (self.watcher, self.upkeep);
        tokio::task::spawn_blocking(move || {
            watcher.stop();
            upkeep.stop();
        })
        .await?;
        let control = Arc::into_inner(self.control).context("the gateway is still in use")?;
        control.close().context("the log could not be closed")?;
        Ok(())
    }
}

/// Where to listen: as asked for, else as the files say. Without TLS, beyond this machine only when told so.
fn addresses(control: &Control, start: &Start<'_>) -> anyhow::Result<(SocketAddr, SocketAddr)> {
    let configured = control.listen_addresses();
    let listen = start.listen.unwrap_or(configured.0);
    let admin = start.admin_listen.unwrap_or(configured.1);
    if config::ListenAddress(admin).reach() == Reach::Beyond {
        bail!(
            "the admin API is for this machine alone until TLS is built; listen on a loopback address, not {admin}"
        );
    }
    if config::ListenAddress(listen).reach() == Reach::Beyond && start.plaintext == Plaintext::LoopbackOnly {
        bail!(
            "{listen} can be reached from other machines and there is no TLS; say --plaintext if that is meant"
        );
    }
    Ok((listen, admin))
}

/// One listener per worker on one address.
fn listeners(address: SocketAddr, workers: NonZeroUsize) -> anyhow::Result<Vec<TcpListener>> {
    let context = |address| format!("cannot listen at {address}");
    let first = proxy::listen(address).with_context(|| context(address))?;
    let bound = first.local_addr()?;
    let mut listeners = vec![first];
    for _ in 1..workers.get() {
        listeners.push(proxy::listen(bound).with_context(|| context(bound))?);
    }
    Ok(listeners)
}

fn local(listener: Option<&TcpListener>) -> anyhow::Result<SocketAddr> {
    Ok(listener.context("there is no listener")?.local_addr()?)
}

fn start_workers(
    control: &Arc<Control>,
    listeners: Vec<TcpListener>,
    logs: Vec<WorkerLog>,
    own: &[SocketAddr],
    shutdown: &watch::Receiver<Shutdown>,
) -> anyhow::Result<Vec<JoinHandle<std::io::Result<()>>>> {
    let jwks = control.jwks();
    let mut workers = Vec::new();
    for (number, (listener, log)) in listeners.into_iter().zip(logs).enumerate() {
        let mut seed = [0_u8; 32];
        system::random(&mut seed)?;
        let setup = Setup {
            snapshots: control.live().pointer(),
            judge: enforce::Worker::new(seed),
            param_key: control.param_key(),
            log,
            clock: Arc::new(system::now),
            jwks: Arc::clone(&jwks),
            own: own.to_vec(),
            settings: Settings::STANDARD,
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
    let router = admin::router(control, address);
    Ok(tokio::spawn(async move {
        let ended = async move { drop(stopped.wait_for(|stopped| *stopped).await) };
        axum::serve(listener, router).with_graceful_shutdown(ended).await
    }))
}
