//! What the tests of the transport share: a gateway on a port of its own, an upstream that follows a script and keeps
//! every byte it reads, and a client of plain bytes. All of it on one thread, with the time paused.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use model::Timestamp;
use tokio::io::ReadBuf;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::{Settings, Setup, Shutdown};

mod world;

pub(crate) use world::{NOW, key, snapshot};

/// Runs a test on a local runtime whose time moves only when nothing else can happen.
pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .start_paused(true)
        .build_local(tokio::runtime::LocalOptions::default())
        .unwrap()
        .block_on(test)
}

/// Runs a test that waits for another thread, and therefore needs time to pass by itself.
pub(crate) fn run_in_real_time<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build_local(tokio::runtime::LocalOptions::default())
        .unwrap()
        .block_on(test)
}

/// One connection as bytes.
pub(crate) struct Wire {
    pub(crate) stream: TcpStream,
}

impl Wire {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self::on(TcpStream::connect(address).await.unwrap())
    }

    /// Nothing may wait for an acknowledgement: that takes real time, in which paused time would run away.
    fn on(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self { stream }
    }

    /// Writes everything; whether that works is not the test's question.
    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_write(bytes.as_ref()).await.ok();
    }

    pub(crate) async fn try_write(&mut self, mut bytes: &[u8]) -> std::io::Result<()> {
        while !bytes.is_empty() {
            let count = std::future::poll_fn(|context| {
                std::pin::Pin::new(&mut self.stream).poll_write(context, bytes)
            })
            .await?;
            bytes = &bytes[count..];
        }
        Ok(())
    }

    /// Ends this side.
    pub(crate) async fn end(&mut self) {
        std::future::poll_fn(|context| std::pin::Pin::new(&mut self.stream).poll_shutdown(context))
            .await
            .ok();
    }

    /// Lets the connection break.
    pub(crate) fn reset(self) {
        self.stream.set_zero_linger().unwrap();
    }

    /// Reads what there is, at least one byte; nothing at the end.
    pub(crate) async fn read(&mut self) -> std::io::Result<Vec<u8>> {
        let mut memory = vec![0; 65_536];
        let mut buffer = ReadBuf::new(&mut memory);
        std::future::poll_fn(|context| std::pin::Pin::new(&mut self.stream).poll_read(context, &mut buffer))
            .await?;
        Ok(buffer.filled().to_vec())
    }

    /// Reads to the end of the connection; says whether it ended in order.
    pub(crate) async fn read_to_end(&mut self) -> (String, Closed) {
        let mut all = Vec::new();
        loop {
            match self.read().await {
                Ok(bytes) if bytes.is_empty() => return (text(&all), Closed::Orderly),
                Ok(bytes) => all.extend(bytes),
                Err(_) => return (text(&all), Closed::Broken),
            }
        }
    }

    /// Reads until what was read ends with `end`.
    pub(crate) async fn read_until(&mut self, end: &str) -> String {
        let mut all = Vec::new();
        while !all.ends_with(end.as_bytes()) {
            let bytes = self.read().await.unwrap();
            assert!(!bytes.is_empty(), "ended after {:?}", text(&all));
            all.extend(bytes);
        }
        text(&all)
    }

    /// Reads one head and as many bytes of body as its length says.
    pub(crate) async fn read_message(&mut self) -> String {
        let mut all = Vec::new();
        loop {
            let so_far = text(&all);
            if let Some((head, body)) = so_far.split_once("\r\n\r\n") {
                let length = head
                    .lines()
                    .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok())
                    .unwrap_or(0);
                if length <= body.len() {
                    return so_far;
                }
            }
            let bytes = self.read().await.unwrap();
            assert!(!bytes.is_empty(), "ended after {so_far:?}");
            all.extend(bytes);
        }
    }
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    Broken,
    Orderly,
}

/// What follows the head.
pub(crate) fn body_of(message: &str) -> String {
    message.split_once("\r\n\r\n").unwrap().1.to_owned()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What an upstream saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// What was read on each connection, in the order in which they were made.
    pub(crate) connections: RefCell<Vec<(String, Option<Closed>)>>,
    pub(crate) accepted: Cell<usize>,
}

impl Seen {
    /// Everything that was read.
    pub(crate) fn all(&self) -> String {
        self.connections.borrow().iter().map(|(text, _)| text.as_str()).collect()
    }

    pub(crate) fn closed(&self, connection: usize) -> Option<Closed> {
        self.connections.borrow()[connection].1
    }
}

/// One step of an upstream's script.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Read until everything read on this connection since the last such step ends so.
    Await(&'static str),
    Write(String),
    Wait(Duration),
    End,
    Reset,
    /// Start the script over.
    Again,
}

pub(crate) fn write(text: &str) -> Act {
    Act::Write(text.to_owned())
}

/// An upstream that follows one script on each connection, the last one on all further ones.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    pub(crate) seen: Rc<Seen>,
    _task: JoinHandle<()>,
}

impl Upstream {
    pub(crate) async fn start(scripts: Vec<Vec<Act>>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Rc::new(Seen::default());
        let kept = Rc::clone(&seen);
        let task = tokio::task::spawn_local(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let number = kept.accepted.get();
                kept.accepted.set(number + 1);
                kept.connections.borrow_mut().push((String::new(), None));
                let script = scripts[number.min(scripts.len() - 1)].clone();
                tokio::task::spawn_local(follow(Wire::on(stream), number, script, Rc::clone(&kept)));
            }
        });
        Self { address, seen, _task: task }
    }

    /// Answers every request that has no body with the same bytes.
    pub(crate) async fn always(answer: &str) -> Self {
        Self::start(vec![vec![Act::Await("\r\n\r\n"), write(answer), Act::Again]]).await
    }
}

async fn follow(mut wire: Wire, number: usize, script: Vec<Act>, seen: Rc<Seen>) {
    let mut since = 0;
    let note = |bytes: &[u8]| seen.connections.borrow_mut()[number].0.push_str(&text(bytes));
    let closed = |closed| seen.connections.borrow_mut()[number].1 = Some(closed);
    let mut place = 0;
    while let Some(act) = script.get(place) {
        place += 1;
        match act {
            Act::Await(end) => loop {
                let is_there = seen.connections.borrow()[number].0.get(since..).unwrap().ends_with(end);
                if is_there {
                    since = seen.connections.borrow()[number].0.len();
                    break;
                }
                match wire.read().await {
                    Ok(bytes) if bytes.is_empty() => return closed(Closed::Orderly),
                    Ok(bytes) => note(&bytes),
                    Err(_) => return closed(Closed::Broken),
                }
            },
            Act::Write(text) => wire.write(text).await,
            Act::Wait(time) => tokio::time::sleep(*time).await,
            Act::End => wire.end().await,
            Act::Reset => return wire.reset(),
            Act::Again => place = 0,
        }
    }
    // Whatever comes after the script is read and kept.
    loop {
        match wire.read().await {
            Ok(bytes) if bytes.is_empty() => return closed(Closed::Orderly),
            Ok(bytes) => note(&bytes),
            Err(_) => return closed(Closed::Broken),
        }
    }
}

/// A gateway that serves.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    pub(crate) log: Log,
    /// What requests are judged by; a test may put another there.
    pub(crate) snapshots: Arc<ArcSwap<enforce::Snapshot>>,
    shutdown: watch::Sender<Shutdown>,
    task: JoinHandle<()>,
}

/// What a test may choose.
pub(crate) struct Choices {
    pub(crate) settings: Settings,
    pub(crate) mode: model::Mode,
    pub(crate) audit: model::Audit,
    pub(crate) body_bytes_max: Option<u64>,
    pub(crate) per_api: Option<model::Rate>,
    pub(crate) ring_bytes: Option<usize>,
    /// Where the log is, if not in a folder of its own; its time goes on with each look at it.
    pub(crate) disk: Option<recorder::faults::MemoryDisk>,
    pub(crate) timeouts: enforce::Timeouts,
    pub(crate) tls: Option<crate::ServerTls>,
    /// How the upstream is called over TLS.
    pub(crate) calls: Option<(enforce::UpstreamTls, Arc<tls::ClientConfig>)>,
}

impl Choices {
    pub(crate) const STANDARD: Self = Self {
        settings: Settings::STANDARD,
        mode: model::Mode::ObserveUntil(Timestamp::MAX),
        audit: model::Audit::Counted,
        body_bytes_max: Some(1_000_000),
        per_api: None,
        ring_bytes: None,
        disk: None,
        timeouts: enforce::Timeouts {
            connect: Duration::from_secs(3),
            head: Duration::from_secs(30),
            idle: Duration::from_secs(60),
        },
        tls: None,
        calls: None,
    };
}

fn listener() -> std::net::TcpListener {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    crate::listen(address, std::num::NonZeroUsize::MIN).unwrap().remove(0)
}

impl Served {
    /// A gateway before `upstream`.
    pub(crate) fn before(upstream: SocketAddr) -> Self {
        Self::with(&upstream.to_string(), Choices::STANDARD)
    }

    /// A gateway whose upstream is itself, under the name `host`.
    pub(crate) fn before_itself(host: &str) -> Self {
        let listener = listener();
        let port = listener.local_addr().unwrap().port();
        Self::on(listener, &format!("{host}:{port}"), Choices::STANDARD)
    }

    pub(crate) fn with(upstream: &str, choices: Choices) -> Self {
        let listener = listener();
        Self::on(listener, upstream, choices)
    }

    fn on(listener: std::net::TcpListener, upstream: &str, choices: Choices) -> Self {
        let address = listener.local_addr().unwrap();
        let (shutdown, asked) = watch::channel(Shutdown::NotAsked);
        let (log, logs) = Log::open(&choices);
        let setup = setup(upstream, address, &choices, logs);
        let snapshots = Arc::clone(&setup.snapshots);
        let task = tokio::task::spawn_local(async move {
            crate::serve(listener, setup, asked).await.unwrap();
        });
        Self { address, log, snapshots, shutdown, task }
    }

    /// Blocks the API, for every request and for as long as the clock of tests stands still.
    pub(crate) fn block(&self) {
        let target = model::BlockTarget::parse("api", "orders").unwrap();
        let block = model::Block { id: model::BlockId::new(1), target, until: Timestamp::MAX };
        let before = self.snapshots.load_full();
        let stops = before.stops.with_blocks(identity::Blocks::of([&block]).unwrap());
        self.snapshots.store(Arc::new(enforce::Snapshot {
            stops: Arc::new(stops),
            ..enforce::Snapshot::clone(&before)
        }));
    }

    pub(crate) fn ask_to_end(&self) {
        self.shutdown.send_replace(Shutdown::Asked);
    }

    pub(crate) async fn ended(self) {
        self.task.await.unwrap();
    }

    /// Sends one request and reads to the end of the connection.
    pub(crate) async fn exchange(&self, request: &str) -> (String, Closed) {
        let mut wire = Wire::connect(self.address).await;
        wire.write(request).await;
        wire.read_to_end().await
    }
}

/// A log in a folder of its own, which goes with the value.
pub(crate) struct Log {
    pub(crate) recorder: recorder::Recorder,
    dir: std::path::PathBuf,
}

impl Log {
    fn open(choices: &Choices) -> (Self, Vec<recorder::WorkerLog>) {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("sallyport-proxy-{}-{number}", std::process::id()));
        let workers = std::num::NonZeroUsize::MIN;
        let options = recorder::Options::new(
            dir.clone(),
            "log.example/proxy".into(),
            [7; 32],
            workers,
            Arc::new(|| NOW),
        );
        let ring_bytes = choices.ring_bytes.unwrap_or(options.ring_bytes);
        let options = recorder::Options { ring_bytes, ..options };
        let opened = match &choices.disk {
            None => recorder::Recorder::open(options),
            Some(disk) => recorder::Recorder::open_on(
                Arc::new(disk.clone()),
                recorder::Options { clock: running(), ..options },
            ),
        };
        let (recorder, logs) = opened.unwrap();
        (Self { recorder, dir }, logs)
    }

    /// How many requests were allowed, denied and would have been denied.
    pub(crate) fn counts(&self) -> (u64, u64, u64) {
        self.recorder.flush().unwrap();
        let rollups = self.recorder.rollups();
        let sum = |count: fn(&recorder::ApiRollup) -> u64| rollups.apis.iter().map(count).sum();
        (sum(|api| api.allowed), sum(|api| api.denied), sum(|api| api.would_deny))
    }
}

/// A clock by which a log has something to sign every few looks.
fn running() -> recorder::Clock {
    let looks = AtomicUsize::new(0);
    Arc::new(move || {
        let looks = looks.fetch_add(1, Ordering::Relaxed);
        NOW.plus(Duration::from_millis(u64::try_from(looks).unwrap() * 300))
    })
}

impl Drop for Log {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.dir).ok();
    }
}

/// A worker that does not serve yet.
pub(crate) fn gateway(upstream: SocketAddr) -> (Rc<crate::gateway::Gateway>, Log) {
    let (log, logs) = Log::open(&Choices::STANDARD);
    let setup = setup(&upstream.to_string(), upstream, &Choices::STANDARD, logs);
    (Rc::new(crate::gateway::Gateway::new(setup)), log)
}

fn setup(upstream: &str, own: SocketAddr, choices: &Choices, mut log: Vec<recorder::WorkerLog>) -> Setup {
    Setup {
        snapshots: Arc::new(ArcSwap::from_pointee(snapshot(upstream, choices))),
        judge: enforce::Worker::new([7; 32]),
        log: log.pop().unwrap(),
        sightings: traffic::ring(1 << 16).0,
        claimed: Default::default(),
        param_key: record::ParamKey::new([7; 16]),
        clock: Arc::new(|| NOW),
        jwks: Arc::new(ArcSwap::from_pointee(b"{\"keys\":[]}".to_vec())),
        wants: None,
        own: vec![own],
        tls: choices.tls.clone(),
        upstream_tls: Arc::new(ArcSwap::from_pointee(
            choices.calls.iter().map(|(tls, config)| (tls.profile.clone(), Arc::clone(config))).collect(),
        )),
        settings: choices.settings,
    }
}
