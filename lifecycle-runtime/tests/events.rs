//! What the log says: the report as one event, and a warning when the deployment is another plan's.

mod common;

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use common::{ms, plan, step};
use lifecycle::plan::Kind;
use lifecycle::{Database, Lifecycle, Task};
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

    let steps: Vec<_> = entries
        .iter()
        .filter_map(|entry| entry.field("resource"))
        .collect();
    assert!(
        steps.contains(&"work") && steps.contains(&"db"),
        "{steps:?}"
    );
}
