//! A queue in memory, in which every job says beforehand what goes wrong with it, and which keeps a
//! log of all that is asked of it.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use lifecycle::{Cancellation, Claimed, Demand, Job, NotRenewed, Source};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::common::ms;

/// What the handler does with a job.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Handling {
    /// Is done after this long, whatever it is told.
    Takes(u64),
    Fails(u64),
    Panics(u64),
    Hangs,
    /// Hangs until it is told to let go, and says that it is not done this long after that.
    LetsGo(u64),
    /// Hangs until it is told to let go, and is done this long after that.
    IsDone(u64),
}

/// How the queue answers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    After(u64),
    Fails(u64),
    Hangs,
    Panics,
}

/// How the queue answers renewals: all well up to one, and that and all later ones like this.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Renewal {
    Well,
    Lost,
    Fails,
    /// Only that one.
    FailsOnce,
    Hangs,
    /// They go well, and take this long.
    Slow(u64),
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Script {
    pub(crate) handling: Handling,
    pub(crate) renewal: Renewal,
    /// How many renewals go well before.
    pub(crate) renewed: usize,
    /// To `finish`, `hand_back` and `failed`.
    pub(crate) answer: Answer,
}

impl Script {
    pub(crate) fn new(handling: Handling) -> Self {
        Self {
            handling,
            renewal: Renewal::Well,
            renewed: 0,
            answer: Answer::After(0),
        }
    }

    pub(crate) fn answer(mut self, answer: Answer) -> Self {
        self.answer = answer;
        self
    }

    pub(crate) fn renewal(mut self, renewed: usize, renewal: Renewal) -> Self {
        (self.renewed, self.renewal) = (renewed, renewal);
        self
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    Claimed,
    Begun,
    Renewed,
    /// The handler's future is gone.
    Gone,
    /// The queue was asked to …, and did.
    Finish,
    Finished,
    HandBack,
    HandedBack,
    Fail,
    Failed,
}

#[derive(Default)]
struct Inner {
    waiting: VecDeque<(String, Script)>,
    held: Vec<String>,
    log: Vec<(Instant, String, Event)>,
    claims: Vec<Instant>,
    failing: usize,
}

/// Clones share it.
#[derive(Clone)]
pub(crate) struct Queue {
    inner: Arc<Mutex<Inner>>,
    added: Arc<Notify>,
    /// How long a claim is on its way.
    latency: Duration,
}

impl Queue {
    pub(crate) fn new(scripts: impl IntoIterator<Item = Script>) -> Self {
        let name = |(index, script)| (format!("job-{index}"), script);
        let inner = Inner {
            waiting: scripts.into_iter().enumerate().map(name).collect(),
            ..Inner::default()
        };
        Self {
            inner: Arc::new(Mutex::new(inner)),
            added: Arc::default(),
            latency: Duration::ZERO,
        }
    }

    pub(crate) fn latency(mut self, latency: u64) -> Self {
        self.latency = ms(latency);
        self
    }

    /// So many claims fail before the first that does not.
    pub(crate) fn failing(self, claims: usize) -> Self {
        self.lock().failing = claims;
        self
    }

    /// The client has these already, and has given them to nobody.
    pub(crate) fn holding(self, held: &[&str]) -> Self {
        self.lock().held = held.iter().map(|&id| id.to_owned()).collect();
        self
    }

    pub(crate) fn add(&self, id: &str, script: Script) {
        self.lock().waiting.push_back((id.to_owned(), script));
        self.added.notify_one();
    }

    pub(crate) fn log(&self) -> Vec<(Instant, String, Event)> {
        self.lock().log.clone()
    }

    /// What happened to one job.
    pub(crate) fn of(&self, id: &str) -> Vec<Event> {
        let log = self.log();
        let of_job = log.iter().filter(|(_, name, _)| name == id);
        of_job.map(|(_, _, event)| *event).collect()
    }

    pub(crate) fn claims(&self) -> Vec<Instant> {
        self.lock().claims.clone()
    }

    fn note(&self, id: &str, event: Event) {
        self.lock().log.push((Instant::now(), id.to_owned(), event));
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("not poisoned")
    }

    fn receipt(&self, id: String, script: Script) -> Receipt {
        Receipt {
            queue: self.clone(),
            id,
            script,
            renewals: 0,
        }
    }

    fn take(&self, most: usize) -> Vec<(Task, Receipt)> {
        let mut inner = self.lock();
        let count = inner.waiting.len().min(most);
        let taken: Vec<_> = inner.waiting.drain(..count).collect();
        drop(inner);
        let job = |(id, script): (String, Script)| {
            self.note(&id, Event::Claimed);
            let task = Task {
                queue: self.clone(),
                id: id.clone(),
                script,
            };
            (task, self.receipt(id, script))
        };
        taken.into_iter().map(job).collect()
    }
}

/// A queue whose claims are granted whoever waits for the answer.
impl Source for Queue {
    type Payload = Task;
    type Job = Receipt;
    type Error = &'static str;

    async fn claim(&mut self, demand: Demand) -> Result<Claimed<Self>, &'static str> {
        let failing = {
            let mut inner = self.lock();
            inner.claims.push(Instant::now());
            let failing = inner.failing > 0;
            inner.failing = inner.failing.saturating_sub(1);
            failing
        };
        if failing {
            return Err("connection refused");
        }
        let taken = self.take(demand.most);
        sleep(self.latency).await;
        Ok(taken)
    }

    async fn wait(&mut self) -> Result<(), &'static str> {
        self.added.notified().await;
        Ok(())
    }

    async fn stop(&mut self) -> Result<Vec<Receipt>, &'static str> {
        let held = std::mem::take(&mut self.lock().held);
        let script = Script::new(Handling::Takes(0));
        Ok(held
            .into_iter()
            .map(|id| self.receipt(id, script))
            .collect())
    }
}

/// The same queue, as one that sends jobs by itself: a claim is a long poll that can be dropped.
pub(crate) struct Pushing(pub(crate) Queue);

impl Source for Pushing {
    type Payload = Task;
    type Job = Receipt;
    type Error = &'static str;
    const CANCEL_SAFE: bool = true;

    async fn claim(&mut self, demand: Demand) -> Result<Claimed<Self>, &'static str> {
        loop {
            self.0.lock().claims.push(Instant::now());
            let taken = self.0.take(demand.most);
            if !taken.is_empty() {
                return Ok(taken);
            }
            self.0.added.notified().await;
        }
    }
}

/// What the handler gets.
pub(crate) struct Task {
    queue: Queue,
    id: String,
    script: Script,
}

struct Gone(Queue, String);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.note(&self.1, Event::Gone);
    }
}

pub(crate) async fn handle(task: Task, cancelled: Cancellation) -> Result<(), &'static str> {
    task.queue.note(&task.id, Event::Begun);
    let _gone = Gone(task.queue, task.id);
    match task.script.handling {
        Handling::Takes(after) => sleep(ms(after)).await,
        Handling::Fails(after) => {
            sleep(ms(after)).await;
            return Err("no such address");
        }
        Handling::Panics(after) => {
            sleep(ms(after)).await;
            panic!("bad address");
        }
        Handling::Hangs => pending().await,
        Handling::LetsGo(after) => {
            cancelled.cancelled().await;
            sleep(ms(after)).await;
            return Err("not done");
        }
        Handling::IsDone(after) => {
            cancelled.cancelled().await;
            sleep(ms(after)).await;
        }
    }
    Ok(())
}

/// What the runtime keeps.
pub(crate) struct Receipt {
    queue: Queue,
    id: String,
    script: Script,
    renewals: usize,
}

impl Receipt {
    async fn answer(self, asked: Event, done: Event) -> Result<(), &'static str> {
        self.queue.note(&self.id, asked);
        match self.script.answer {
            Answer::After(after) => sleep(ms(after)).await,
            Answer::Fails(after) => {
                sleep(ms(after)).await;
                return Err("connection reset");
            }
            Answer::Hangs => pending().await,
            Answer::Panics => panic!("broken client"),
        }
        self.queue.note(&self.id, done);
        Ok(())
    }
}

impl Job for Receipt {
    type Error = &'static str;

    fn id(&self) -> String {
        self.id.clone()
    }

    async fn renew(&mut self, _: Duration) -> Result<(), NotRenewed> {
        self.renewals += 1;
        if self.renewals > self.script.renewed {
            match self.script.renewal {
                Renewal::Well => {}
                Renewal::Lost => return Err(NotRenewed::Lost),
                Renewal::FailsOnce if self.renewals > self.script.renewed + 1 => {}
                Renewal::Fails | Renewal::FailsOnce => return Err("connection reset".into()),
                Renewal::Hangs => pending().await,
                Renewal::Slow(after) => sleep(ms(after)).await,
            }
        }
        self.queue.note(&self.id, Event::Renewed);
        Ok(())
    }

    async fn finish(self) -> Result<(), &'static str> {
        self.answer(Event::Finish, Event::Finished).await
    }

    async fn hand_back(self) -> Result<(), &'static str> {
        self.answer(Event::HandBack, Event::HandedBack).await
    }

    async fn failed(
        self,
        error: Box<dyn std::error::Error + Send + Sync>,
    ) -> Result<(), &'static str> {
        assert!(error.to_string().contains("address"), "{error}");
        self.answer(Event::Fail, Event::Failed).await
    }
}
