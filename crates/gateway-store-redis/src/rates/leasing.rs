//! Asks the server for what cells need.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use gateway_store::StoreError;
use gateway_store::rate::RateRule;
use redis::{RedisError, Script};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::cell::{Cell, Next, Shape};
use super::lease::{Answer, Known, Question};
use crate::config::RedisConfig;
use crate::link::{About, RedisLink, State, Up};

/// Questions on their way at most; the others wait in the queue.
const ASKING: usize = 1024;
/// Leases are looked after this often.
const LOOK: Duration = Duration::from_millis(500);
/// After the server has lost its data, nobody leases for this long: first everybody says what it has.
const QUIET: Duration = Duration::from_secs(1);
/// How long returning what is leased may take at the end.
const SURRENDER: Duration = Duration::from_millis(500);

/// Asks the server for what cells need.
pub(crate) struct Leasing {
    link: RedisLink,
    queue: mpsc::Receiver<Arc<Cell>>,
    asker: Asker,
    asking: FuturesUnordered<BoxFuture<'static, Asked>>,
    timers: BinaryHeap<Reverse<Timer>>,
    count: u64,
    quiet_until: Option<Instant>,
}

/// How questions are put.
#[derive(Clone)]
struct Asker(Arc<Scripts>);

struct Scripts {
    /// This process: another one after every start.
    me: String,
    bucket: Script,
    window: Script,
    held: Script,
    lease: Duration,
    place_lease: Duration,
}

struct Asked {
    cell: Arc<Cell>,
    question: Question,
    answer: Result<Answer, RedisError>,
}

struct Timer {
    at: Instant,
    count: u64,
    cell: Arc<Cell>,
}

impl PartialEq for Timer {
    fn eq(&self, other: &Self) -> bool {
        self.count == other.count
    }
}

impl Eq for Timer {}

impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timer {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.count).cmp(&(other.at, other.count))
    }
}

impl Leasing {
    pub(super) fn new(
        link: RedisLink,
        queue: mpsc::Receiver<Arc<Cell>>,
        config: &RedisConfig,
    ) -> Self {
        let scripts = Scripts {
            me: format!("p{:016x}", fastrand::u64(..)),
            bucket: Script::new(include_str!("bucket.lua")),
            window: Script::new(include_str!("window.lua")),
            held: Script::new(include_str!("held.lua")),
            lease: config.lease,
            place_lease: config.place_lease,
        };
        Self {
            link,
            queue,
            asker: Asker(Arc::new(scripts)),
            asking: FuturesUnordered::new(),
            timers: BinaryHeap::new(),
            count: 0,
            quiet_until: None,
        }
    }

    /// Works until `stop`, or until nobody needs it any more. Then returns what is leased.
    pub(crate) async fn run(mut self, stop: impl Future<Output = ()> + Send) {
        let mut states = self.link.watch();
        let mut stop = std::pin::pin!(stop);
        loop {
            let due = self.timers.peek().map(|Reverse(timer)| timer.at);
            let starting = matches!(self.link.state(), State::Starting);
            tokio::select! {
                () = &mut stop => break,
                changed = states.changed() => {
                    if changed.is_err() {
                        break;
                    }
                    self.changed(&mut states);
                }
                Some(asked) = self.asking.next(), if !self.asking.is_empty() => self.answered(asked),
                // Before the server was tried for the first time, those who wait do so for a moment.
                cell = self.queue.recv(), if !starting && self.asking.len() < ASKING => match cell {
                    Some(cell) => self.ask(cell),
                    None => break,
                },
                () = sleep_until(due), if due.is_some() => self.look(),
            }
        }
        // Whatever is not returned in time ends by itself.
        drop(tokio::time::timeout(SURRENDER, self.surrender()).await);
    }

    /// The connection is another, or none.
    fn changed(&mut self, states: &mut watch::Receiver<State>) {
        let lost = matches!(&*states.borrow_and_update(), State::Up(up) if up.lost);
        if lost {
            self.quiet_until = Some(Instant::now() + QUIET);
            // Everybody says at once what it has.
            for Reverse(timer) in std::mem::take(&mut self.timers) {
                self.ask(timer.cell);
            }
        }
    }

    fn ask(&mut self, cell: Arc<Cell>) {
        let now = Instant::now();
        if self.quiet_until.is_some_and(|until| now >= until) {
            self.quiet_until = None;
        }
        let quiet = self.quiet_until.map(|_| {
            StoreError::Unavailable(
                "the server lost its data, and what is leased is being told".to_owned(),
            )
        });
        let Some((rule, mut question)) = cell.ask(quiet.as_ref(), now) else {
            return;
        };
        if quiet.is_some() {
            question.wish = 0;
        }
        match self.link.state() {
            State::Up(up) => self.send(up, cell, rule, question),
            State::Away(why) => self.unsent(cell, &question, &why),
            State::Starting => self.unsent(cell, &question, "not reached yet"),
        }
    }

    fn send(&mut self, up: Up, cell: Arc<Cell>, rule: RateRule, question: Question) {
        let asker = self.asker.clone();
        self.asking.push(Box::pin(async move {
            let answer = asker.ask(up, &cell, rule, &question).await;
            Asked {
                cell,
                question,
                answer,
            }
        }));
    }

    fn unsent(&mut self, cell: Arc<Cell>, question: &Question, why: &str) {
        self.link.failed(About::Rates, None);
        let next = cell.failed(question, false, &StoreError::Unavailable(why.to_owned()));
        self.next(cell, next);
    }

    fn answered(&mut self, asked: Asked) {
        let Asked {
            cell,
            question,
            answer,
        } = asked;
        let next = match answer {
            Ok(answer) => cell.answered(&question, answer, Instant::now()),
            Err(error) => {
                self.link.failed(About::Rates, Some(&error));
                cell.failed(&question, true, &StoreError::Unavailable(error.to_string()))
            }
        };
        self.next(cell, next);
    }

    fn next(&mut self, cell: Arc<Cell>, next: Next) {
        match next {
            Next::Nothing => {}
            Next::Ask => self.ask(cell),
            Next::Look => {
                self.count += 1;
                self.timers.push(Reverse(Timer {
                    at: Instant::now() + LOOK,
                    count: self.count,
                    cell,
                }));
            }
        }
    }

    fn look(&mut self) {
        let now = Instant::now();
        // A server that is away is not asked: what is leased lives as long as it does.
        let is_up = matches!(self.link.state(), State::Up(_));
        while self.asking.len() < ASKING
            && self
                .timers
                .peek()
                .is_some_and(|Reverse(timer)| timer.at <= now)
        {
            let Some(Reverse(Timer { cell, .. })) = self.timers.pop() else {
                break;
            };
            let lease = self.asker.lease(cell.shape());
            let next = match cell.look(now, lease) {
                Next::Ask if !is_up => cell.look_later(),
                next => next,
            };
            self.next(cell, next);
        }
    }

    async fn surrender(&mut self) {
        let State::Up(up) = self.link.state() else {
            return;
        };
        // What is on its way comes first: it may bring more.
        while let Some(asked) = self.asking.next().await {
            if let Ok(answer) = asked.answer {
                let now = Instant::now();
                asked.cell.answered(&asked.question, answer, now);
                self.timers.push(Reverse(Timer {
                    at: now,
                    count: 0,
                    cell: asked.cell,
                }));
            }
        }
        for Reverse(Timer { cell, .. }) in std::mem::take(&mut self.timers) {
            if let Some((rule, question)) = cell.surrender(Instant::now()) {
                self.send(up.clone(), cell, rule, question);
            }
        }
        while self.asking.next().await.is_some() {}
    }
}

async fn sleep_until(at: Option<Instant>) {
    if let Some(at) = at {
        tokio::time::sleep_until(at).await;
    }
}

impl Asker {
    fn lease(&self, shape: Shape) -> Duration {
        match shape {
            Shape::Held => self.0.place_lease,
            Shape::Bucket(_) | Shape::Window(_) => self.0.lease,
        }
    }

    async fn ask(
        &self,
        up: Up,
        cell: &Cell,
        rule: RateRule,
        question: &Question,
    ) -> Result<Answer, RedisError> {
        let scripts = &self.0;
        let (script, every) = match rule {
            RateRule::Bucket { every, .. } => (&scripts.bucket, every),
            RateRule::Window { every, .. } => (&scripts.window, every),
            RateRule::Held { .. } => (&scripts.held, Duration::ZERO),
        };
        let lease = self.lease(rule.into());
        let mut call = script.key(&cell.name);
        call.arg(&scripts.me)
            .arg(rule.limit().min(1 << 53))
            .arg(micros(every))
            .arg(micros(lease))
            .arg(question.have)
            .arg(question.returned)
            .arg(question.owed)
            .arg(question.need)
            .arg(question.least)
            .arg(question.wish)
            .arg(&question.known.generation)
            .arg(&question.known.level)
            .arg(&question.known.at);
        let asked = Instant::now();
        let mut connection = up.connection;
        let (granted, lease, generation, level, at): (u64, u64, String, String, String) =
            call.invoke_async(&mut connection).await?;
        Ok(Answer {
            granted,
            lease: Duration::from_micros(lease),
            known: Known {
                generation,
                level,
                at,
            },
            asked,
        })
    }
}

/// Microseconds; the server counts exactly up to 2^53.
fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros())
        .unwrap_or(u64::MAX)
        .min(1 << 52)
}
