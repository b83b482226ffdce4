//! A worker's life: accepting, ticking, draining. Every connection is a task of the worker's own set, and the worker
//! ends only when all of them have.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::watch;
use tokio::task::{JoinSet, unconstrained};
use tokio::time::{Interval, MissedTickBehavior};

use crate::connection;
use crate::gateway::{Gateway, Setup};
use crate::settings::TICK;
use crate::worker::Stage;

/// Connections accepted in a row before others have their turn.
const ACCEPTED_MAX: usize = 64;
/// Ticks between two looks at idle upstream connections.
const SWEEP_TICKS: u32 = 4;
/// How long broken-off requests may take to say that they are over.
const STOP_GRACE: Duration = Duration::from_secs(1);

/// Whether the worker is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    Asked,
    NotAsked,
}

/// Runs one worker on this thread until it is asked to end and has drained.
///
/// The listener comes from [`listen`](crate::listen()); workers on one address have one each. Everything in
/// `setup` that is not behind an `Arc` is this worker's alone.
///
/// # Errors
///
/// The operating system refuses what the worker needs to begin.
pub fn run_worker(
    listener: StdListener,
    setup: Setup,
    shutdown: watch::Receiver<Shutdown>,
) -> io::Result<()> {
    let runtime =
        Builder::new_current_thread().enable_io().enable_time().build_local(LocalOptions::default())?;
    runtime.block_on(serve(listener, setup, shutdown))
}

/// The same on a local runtime that is already there; its tasks are this worker's alone.
///
/// # Errors
///
/// As [`run_worker`].
pub async fn serve(
    listener: StdListener,
    setup: Setup,
    mut shutdown: watch::Receiver<Shutdown>,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let gateway = Rc::new(Gateway::new(setup));
    let mut door = Door::new(Rc::clone(&gateway), listener);
    {
        // A sender that is gone can't ask any more; whoever owned the worker is gone with it.
        let asked = async { drop(shutdown.wait_for(|shutdown| *shutdown == Shutdown::Asked).await) };
        let mut asked = pin!(asked);
        std::future::poll_fn(|context| door.poll_serving(context, asked.as_mut())).await;
    }
    door.listener = None;
    gateway.worker.enter(Stage::Draining);
    let drained = std::future::poll_fn(|context| door.poll_ended(context));
    if tokio::time::timeout(gateway.worker.settings.deadlines.drain, drained).await.is_err() {
        tracing::warn!(requests = door.tasks.len(), "requests broken off at the end of the drain");
        gateway.worker.enter(Stage::Stopped);
        let stopped = std::future::poll_fn(|context| door.poll_ended(context));
        if tokio::time::timeout(STOP_GRACE, stopped).await.is_err() {
            door.tasks.shutdown().await;
        }
    }
    gateway.flush_sightings();
    Ok(())
}

/// What the worker's own task looks after.
struct Door {
    gateway: Rc<Gateway>,
    /// None once the worker drains: whoever connects then is told at once that nobody is there.
    listener: Option<TcpListener>,
    tasks: JoinSet<()>,
    interval: Interval,
    started: tokio::time::Instant,
    /// The tick before which nothing is accepted, because accepting has just failed.
    accept_from: u32,
    /// Accepted while there was no room; it has its turn when a connection ends.
    waiting: Option<(TcpStream, SocketAddr)>,
    swept: u32,
}

impl Door {
    fn new(gateway: Rc<Gateway>, listener: TcpListener) -> Self {
        let mut interval = tokio::time::interval(TICK);
        interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let started = tokio::time::Instant::now();
        Self {
            gateway,
            listener: Some(listener),
            tasks: JoinSet::new(),
            interval,
            started,
            accept_from: 0,
            waiting: None,
            swept: 0,
        }
    }

    /// Serves until the end is asked for; takes in what the kernel has accepted by then.
    fn poll_serving(
        &mut self,
        context: &mut Context<'_>,
        asked: Pin<&mut impl Future<Output = ()>>,
    ) -> Poll<()> {
        self.poll_upkeep(context);
        let asked = asked.poll(context);
        self.poll_accept(context);
        asked
    }

    /// Ready once every connection has ended.
    fn poll_ended(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.poll_upkeep(context);
        if self.tasks.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    }

    fn poll_upkeep(&mut self, context: &mut Context<'_>) {
        let worker = &self.gateway.worker;
        while let Poll::Ready(instant) = self.interval.poll_tick(context) {
            let passed = instant.saturating_duration_since(self.started).as_millis() / TICK.as_millis();
            let now = u32::try_from(passed).unwrap_or(u32::MAX);
            worker.timers.advance(now);
            self.gateway.look_for_changes();
            if SWEEP_TICKS <= now.saturating_sub(self.swept) {
                self.swept = now;
                worker.pools.sweep(now);
                self.gateway.tick_sightings();
            }
        }
        while let Poll::Ready(Some(ended)) = self.tasks.poll_join_next(context) {
            self.gateway.count_closed();
            if let Err(error) = ended {
                tracing::error!(%error, "a connection's task ended abnormally");
            }
        }
    }

    fn poll_accept(&mut self, context: &mut Context<'_>) {
        let gateway = Rc::clone(&self.gateway);
        let worker = &gateway.worker;
        for _ in 0..ACCEPTED_MAX {
            let has_room = self.tasks.len() < worker.settings.limits.connections_max;
            match (self.waiting.take(), has_room) {
                (Some((stream, peer)), true) => {
                    self.take(stream, peer);
                    continue;
                }
                (Some(waiting), false) => {
                    // Whoever has idled longest makes room; the end of a connection wakes this task again.
                    self.waiting = Some(waiting);
                    worker.timers.dismiss_one();
                    return;
                }
                (None, _) => {}
            }
            if worker.timers.now() < self.accept_from {
                return;
            }
            let Some(listener) = &self.listener else { return };
            match listener.poll_accept(context) {
                Poll::Pending => return,
                Poll::Ready(Ok(accepted)) => self.waiting = Some(accepted),
                Poll::Ready(Err(error)) => {
                    // Above all too many open files: the next tick tries again, with one idle connection less.
                    tracing::warn!(%error, "cannot accept a connection");
                    self.accept_from = worker.timers.now().saturating_add(1);
                    worker.timers.dismiss_one();
                    return;
                }
            }
        }
        context.waker().wake_by_ref();
    }

    fn take(&mut self, stream: TcpStream, peer: SocketAddr) {
        let peer = peer.ip().to_canonical();
        self.gateway.count_opened();
        // Connections take their turns themselves; tokio's own count of them would cost every read and write.
        self.tasks.spawn_local(unconstrained(connection::serve(Rc::clone(&self.gateway), stream, peer)));
    }
}
