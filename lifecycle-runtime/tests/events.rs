//! What the log says: the report as one event, and a warning when the deployment is another plan's.

mod common;

use std::fmt::Debug;
use std::sync::{Arc, Mutex, mpsc};

use common::{ms, plan, step};
use lifecycle::plan::Kind;
use lifecycle::{BlockingWork, CriticalSection, Database, Lifecycle, QueueConsumer, Task};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<Entry>>>);

#[derive(Clone, Debug, Default)]
struct Entry {
    target: String,
    level: String,
    fields: Vec<(String, String)>,
}

impl Entry {
    fn field(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(field, _)| field == name)
            .map(|(_, value)| &**value)
    }
}

impl Visit for Entry {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.fields
            .push((field.name().to_owned(), format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields
            .push((field.name().to_owned(), value.to_owned()));
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        let mut entry = Entry {
            target: metadata.target().to_owned(),
            level: metadata.level().to_string(),
            fields: Vec::new(),
        };
        event.record(&mut entry);
        self.0.lock().expect("not poisoned").push(entry);
    }
}

#[tokio::test(start_paused = true)]
async fn the_report_is_one_event_and_every_step_another() {
    let log = Log::default();
    let guard = tracing::subscriber::set_default(log.clone());
    let plan = plan(
        ms(0),
        vec![
            step("work", Kind::Task, ms(100), &[]),
            step("db", Kind::Database, ms(100), &[0]),
        ],
    );
    let report = Lifecycle::new(plan)
        .embedded()
        .platform("mainframe")
        .with("work", Task::new(|_| async {}))
        .with("db", Database::new(|| async { Err::<(), _>("reset") }))
        .run()
        .await;
    drop(guard);

    let entries = log.0.lock().expect("not poisoned").clone();
    let warned = entries
        .iter()
        .find(|entry| entry.level == "WARN")
        .expect("a warning");
    let said = warned.field("message").expect("words");
    assert!(
        said.contains("`mainframe`") && said.contains("kubernetes"),
        "{said}"
    );

    let last = entries.last().expect("a last event");
    assert_eq!(last.target, "lifecycle::report");
    assert_eq!(last.level, "WARN");
    assert_eq!(last.field("service"), Some("shop"));
    assert_eq!(last.field("platform"), Some("mainframe"));
    assert_eq!(last.field("outcome"), Some("cleanup-failed"));
    assert_eq!(last.field("exit_code"), Some("81"));
    assert_eq!(last.field("signal"), None);
    assert_eq!(
        last.field("cause"),
        Some("everything that served has ended")
    );
    assert_eq!(last.field("report"), Some(&*report.to_json()));

    let of = |name: &str, message: &str| {
        let named = |entry: &&Entry| {
            entry.field("resource").or(entry.field("phase")) == Some(name)
                && entry.field("message") == Some(message)
        };
        let found = entries.iter().find(named);
        found
            .unwrap_or_else(|| panic!("`{message}` of {name} in {entries:#?}"))
            .clone()
    };
    let work = of("work", "stopped");
    assert_eq!(work.level, "INFO");
    assert_eq!(work.field("kind"), Some("task"));
    assert_eq!(work.field("error"), None);
    let db = of("db", "did not stop well");
    assert_eq!(db.level, "ERROR");
    assert_eq!(db.field("phase"), Some("close"));
    assert_eq!(db.field("outcome"), Some("failed"));
    assert_eq!(db.field("timeout_ms"), Some("100"));
    assert_eq!(db.field("error"), Some("reset"));
    assert_eq!(db.field("rejected"), None, "nothing was");
    for phase in ["drain", "close"] {
        assert_eq!(of(phase, "the phase is over").field("took_ms"), Some("0"));
    }
    let begins = entries
        .iter()
        .position(|entry| entry.field("message") == Some("the shutdown begins"))
        .expect("said");
    assert_eq!(entries[begins].field("cause"), last.field("cause"));
    assert_eq!(
        entries[begins + 1].field("message"),
        Some("the steps begin")
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_cut_off_is_told_with_its_work() {
    let log = Log::default();
    let guard = tracing::subscriber::set_default(log.clone());
    let plan = plan(ms(0), vec![step("work", Kind::Task, ms(100), &[])]);
    let lifecycle = Lifecycle::new(plan).with(
        "work",
        Task::new(|stopping| async move {
            let _job = stopping.working("job-7");
            std::future::pending::<()>().await;
        }),
    );
    common::stopped(lifecycle).await;
    drop(guard);
    let entries = log.0.lock().expect("not poisoned").clone();
    let late = entries
        .iter()
        .find(|entry| entry.field("outcome") == Some("timed-out"))
        .expect("said");
    assert_eq!(late.field("active"), Some("1"));
    assert_eq!(late.field("unfinished"), Some("[\"job-7\"]"));
    assert_eq!(late.field("oldest_ms"), Some("1100"));
    assert_eq!(late.field("took_ms"), Some("350"));
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_handed_back_and_left_running_is_told_where_there_is_any() {
    let log = Log::default();
    let guard = tracing::subscriber::set_default(log.clone());
    let section = CriticalSection::new();
    let gate = section.handle();
    let emails = QueueConsumer::new(|claims| async move {
        let job = claims.working("mail-7");
        claims.cancelled().await;
        job.handed_back();
    });
    let thumbnails = BlockingWork::new();
    let (release, released) = mpsc::channel::<()>();
    let worker = thumbnails.handle().thread("deaf", move |_| {
        let _ = released.recv();
    });
    worker.expect("a thread");
    let given = vec![
        step("transfers", Kind::CriticalSection, ms(1000), &[]),
        step("emails", Kind::QueueConsumer, ms(1000), &[]),
        step("thumbnails", Kind::BlockingWork, ms(1000), &[]),
    ];
    let lifecycle = Lifecycle::new(plan(ms(0), given))
        .with("transfers", section)
        .with("emails", emails)
        .with("thumbnails", thumbnails);
    tokio::spawn(async move {
        let inside = gate.enter("4711").expect("nobody has asked to stop");
        while !gate.is_closed() {
            tokio::time::sleep(ms(10)).await;
        }
        gate.enter("4712").map(drop).expect_err("it is closed");
        drop(inside);
    });
    common::stopped(lifecycle).await;
    drop((guard, release));
    let entries = log.0.lock().expect("not poisoned").clone();
    let told = |resource: &str| {
        let of_it = |entry: &&Entry| {
            entry.field("resource") == Some(resource) && entry.field("outcome").is_some()
        };
        let entry = entries.iter().find(of_it).expect("the end of its step");
        ["rejected", "handed_back", "abandoned"].map(|name| entry.field(name).map(str::to_owned))
    };
    let said = |words: &str| Some(words.to_owned());
    assert_eq!(told("transfers"), [said("1"), None, None]);
    assert_eq!(told("emails"), [None, said("[\"mail-7\"]"), None]);
    assert_eq!(told("thumbnails"), [None, None, said("[\"deaf\"]")]);
}
