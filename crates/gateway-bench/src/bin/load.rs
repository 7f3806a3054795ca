//! The load generator.
//!
//! `--port N --mode closed|open --connections N --requests N --rate N --bytes N --stream true|false --shape openai|anthropic
//! --model NAME --key KEY --distinct true|false --max-seconds N`. It prints one line of `name=value` pairs.
//!
//! *Closed*: each connection sends its next request when it has the whole reply. *Open*: requests are due at a fixed rate
//! and latency counts from when each was due, so that a server which falls behind cannot hide it.

#![expect(clippy::print_stdout, reason = "a program talks to its terminal")]

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use gateway_bench::args::Args;
use gateway_bench::reply::Reply;
use gateway_bench::request::{Ask, stamp};
use gateway_bench::server;
use gateway_bench::shapes::Shape;
use tokio::io::AsyncWriteExt as _;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What a run is to do.
struct Plan {
    port: u16,
    connections: usize,
    requests: u32,
    rate: f64,
    deadline: Instant,
    request: Vec<u8>,
    distinct: bool,
    terminator: Option<&'static [u8]>,
    next: AtomicU32,
    begin: Instant,
}

/// What one connection saw.
#[derive(Default)]
struct Seen {
    good: u32,
    failed: u32,
    events: u64,
    bytes: u64,
    total_us: Vec<u32>,
    first_us: Vec<u32>,
    fault: Option<String>,
}

fn main() -> Result<(), String> {
    let args = Args::read(std::env::args().skip(1))?;
    let shape = match args.get("shape", "openai".to_owned())?.as_str() {
        "anthropic" => Shape::Anthropic,
        _ => Shape::OpenAi,
    };
    let stream = args.get("stream", false)?;
    let port = args.get("port", 0)?;
    let distinct = args.get("distinct", true)?;
    let ask = Ask {
        shape,
        model: args.get("model", "chat".to_owned())?,
        bytes: args.get("bytes", 1024)?,
        stream,
        key: args.get("key", "sk-bench".to_owned())?,
        distinct,
    };
    let begin = Instant::now();
    let plan = Plan {
        port,
        connections: args.get("connections", 32)?,
        requests: args.get("requests", 10_000)?,
        rate: args.get("rate", 1000.0)?,
        deadline: begin + Duration::from_secs(args.get("max-seconds", 60)?),
        request: ask.bytes(port),
        distinct,
        terminator: stream.then(|| shape.terminator()),
        next: AtomicU32::new(0),
        begin,
    };
    let seen = match args.get("mode", "closed".to_owned())?.as_str() {
        "open" => open(&Arc::new(plan)),
        _ => closed(Arc::new(plan))?,
    };
    report(seen, begin.elapsed());
    Ok(())
}

impl Plan {
    /// The number of the next request; `None` when all are given out or time is up.
    fn take(&self) -> Option<u32> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        (number < self.requests && Instant::now() < self.deadline).then_some(number)
    }

    fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// When request `number` is due.
    fn due(&self, number: u32) -> Instant {
        self.begin + Duration::from_secs_f64(f64::from(number) / self.rate)
    }
}

/// What distinguishes a request from those of this program and of earlier runs, which a cache may remember.
fn mark(number: u32) -> u32 {
    let run = u64::from(std::process::id()) * 300_007;
    u32::try_from((run + u64::from(number)) % 100_000_000).unwrap_or(number)
}

impl Seen {
    fn note(&mut self, reply: &Reply, plan: &Plan, from: Instant, first: Option<Instant>) {
        if !reply.is_good(plan.terminator) {
            self.fail(reply.describe());
            return;
        }
        let micros = |at: Instant| u32::try_from((at - from).as_micros()).unwrap_or(u32::MAX);
        self.good += 1;
        self.events += reply.events;
        self.bytes += reply.bytes;
        self.total_us.push(micros(Instant::now()));
        self.first_us.extend(first.map(micros));
    }

    fn fail(&mut self, why: impl Into<String>) {
        self.failed += 1;
        self.fault.get_or_insert(why.into());
    }
}

fn closed(plan: Arc<Plan>) -> Result<Vec<Seen>, String> {
    let runtime = server::runtime().map_err(|error| error.to_string())?;
    runtime.block_on(async move {
        let workers: Vec<_> = (0..plan.connections)
            .map(|_| tokio::spawn(worker(Arc::clone(&plan))))
            .collect();
        let mut all = Vec::new();
        for worker in workers {
            all.push(worker.await.map_err(|error| error.to_string())?);
        }
        Ok(all)
    })
}

async fn worker(plan: Arc<Plan>) -> Seen {
    let mut seen = Seen::default();
    let mut request = plan.request.clone();
    let mut reply = Reply::default();
    let mut stream = None;
    while let Some(number) = plan.take() {
        if plan.distinct {
            stamp(&mut request, mark(number));
        }
        reply.clear();
        let from = Instant::now();
        let result = tokio::time::timeout_at(plan.deadline.into(), async {
            let mut open = match stream.take() {
                Some(open) => open,
                None => connect(&plan).await?,
            };
            let first = exchange(&mut open, &request, &mut reply).await?;
            Ok::<_, std::io::Error>((open, first))
        })
        .await;
        match result {
            Ok(Ok((open, first))) => {
                stream = Some(open);
                seen.note(&reply, &plan, from, first);
            }
            Ok(Err(error)) => seen.fail(format!("{error}; {}", reply.describe())),
            Err(_) => seen.fail(format!("out of time; {}", reply.describe())),
        }
    }
    seen
}

async fn connect(plan: &Plan) -> std::io::Result<tokio::net::TcpStream> {
    let stream = tokio::net::TcpStream::connect(plan.address()).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Sends the request and reads the reply; when its first event was there.
async fn exchange(
    stream: &mut tokio::net::TcpStream,
    request: &[u8],
    reply: &mut Reply,
) -> std::io::Result<Option<Instant>> {
    stream.write_all(request).await?;
    let mut first = None;
    while !reply.is_done() {
        // Waiting first keeps this buffer out of the futures that wait.
        stream.readable().await?;
        let mut buffer = [0_u8; 16 * 1024];
        let read = match stream.try_read(&mut buffer) {
            Ok(0) => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        };
        feed(reply, buffer.get(..read).unwrap_or_default(), &mut first)?;
    }
    Ok(first)
}

fn feed(reply: &mut Reply, bytes: &[u8], first: &mut Option<Instant>) -> std::io::Result<()> {
    reply.feed(bytes).map_err(std::io::Error::other)?;
    if first.is_none() && reply.events > 0 {
        *first = Some(Instant::now());
    }
    Ok(())
}

/// Threads instead of tasks: a runtime's timer counts in milliseconds, a sleeping thread in microseconds.
fn open(plan: &Arc<Plan>) -> Vec<Seen> {
    let threads: Vec<_> = (0..plan.connections)
        .map(|_| {
            let plan = Arc::clone(plan);
            std::thread::spawn(move || open_worker(&plan))
        })
        .collect();
    threads
        .into_iter()
        .filter_map(|thread| thread.join().ok())
        .collect()
}

fn open_worker(plan: &Plan) -> Seen {
    // The kernel may delay a wake-up by 50 us to save power; not here. Where it cannot be set, all targets suffer alike.
    let _ = std::fs::write("/proc/thread-self/timerslack_ns", "1");
    let mut seen = Seen::default();
    let mut request = plan.request.clone();
    let mut reply = Reply::default();
    let mut stream = None;
    while let Some(number) = plan.take() {
        if plan.distinct {
            stamp(&mut request, mark(number));
        }
        reply.clear();
        let due = plan.due(number);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let open = stream.take().map_or_else(|| blocking_connect(plan), Ok);
        match open.and_then(|open| blocking_exchange(open, &request, &mut reply)) {
            Ok((open, first)) => {
                stream = Some(open);
                seen.note(&reply, plan, due, first);
            }
            Err(error) => seen.fail(format!("{error}; {}", reply.describe())),
        }
    }
    seen
}

fn blocking_connect(plan: &Plan) -> std::io::Result<std::net::TcpStream> {
    let stream = std::net::TcpStream::connect(plan.address())?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    Ok(stream)
}

fn blocking_exchange(
    mut stream: std::net::TcpStream,
    request: &[u8],
    reply: &mut Reply,
) -> std::io::Result<(std::net::TcpStream, Option<Instant>)> {
    stream.write_all(request)?;
    let mut first = None;
    let mut buffer = [0_u8; 16 * 1024];
    while !reply.is_done() {
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        feed(reply, buffer.get(..read).unwrap_or_default(), &mut first)?;
    }
    Ok((stream, first))
}

fn report(seen: Vec<Seen>, took: Duration) {
    let mut all = Seen::default();
    for one in seen {
        all.good += one.good;
        all.failed += one.failed;
        all.events += one.events;
        all.bytes += one.bytes;
        all.total_us.extend(one.total_us);
        all.first_us.extend(one.first_us);
        if let Some(fault) = one.fault {
            all.fault.get_or_insert(fault);
        }
    }
    all.total_us.sort_unstable();
    all.first_us.sort_unstable();
    println!(
        "good={} failed={} seconds={:.3} events={} bytes={} p50_us={} p99_us={} first_p50_us={} first_p99_us={} fault={:?}",
        all.good,
        all.failed,
        took.as_secs_f64(),
        all.events,
        all.bytes,
        quantile(&all.total_us, 50),
        quantile(&all.total_us, 99),
        quantile(&all.first_us, 50),
        quantile(&all.first_us, 99),
        all.fault.unwrap_or_default(),
    );
}

fn quantile(sorted: &[u32], percent: usize) -> u32 {
    let index = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(index).copied().unwrap_or_default()
}
