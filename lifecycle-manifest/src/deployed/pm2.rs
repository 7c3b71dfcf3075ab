//! PM2's ecosystem files, and what `pm2 jlist` answers with.
//!
//! An ecosystem file is a list of apps, under `apps` or `pm2` or by itself, in JSON or YAML. What
//! `pm2 jlist` answers with has every setting of a process under `pm2_env`, one entry a process.

use std::time::Duration;

use super::read::At;
use super::reader::{Reader, own_grace};
use super::setting::Setting;
use super::{Container, Deployed, Odd, Variable, Workload};
use crate::duration::millis;
use crate::finding::Place;
use crate::manifest::Written;
use crate::platform::pm2::{FACTS, LONGEST_TIMER, is_node};
use crate::text::{Entry, Node, Value};

pub(super) static READER: Reader = Reader {
    platform: "pm2",
    generate: "lifecycle gen pm2",
    grace_key: "kill_timeout",
    write_grace: |grace| format!("kill_timeout: {}", millis(grace)),
    outside_keys: &[],
    write_port: None,
    object,
    grace: |file, _, container| grace(file, container),
};

/// What an app says that only PM2 knows.
///
/// ```
/// use lifecycle_manifest::deployed::Deployed;
///
/// let deployed = Deployed::named("ecosystem.json", r#"{ "apps": [
///   { "name": "shop", "script": "server.js", "exec_mode": "cluster_mode", "kill_timeout": 20000 }
/// ] }"#);
/// let app = deployed.workloads[0].containers[0].pm2.as_ref().unwrap();
/// assert!(app.is_node());
/// assert_eq!(app.kill_timeout.as_ref().map(|it| it.value), Some(20_000.0));
/// assert_eq!(app.exec_mode.as_ref().map(|it| it.value.as_str()), Some("cluster"));
/// ```
#[derive(Debug, Clone)]
pub struct Pm2App {
    /// `kill_timeout`, as it is written.
    pub kill_timeout: Option<Written<f64>>,
    /// `kill_retry_time`.
    pub kill_retry_time: Option<Written<f64>>,
    /// `treekill`.
    pub treekill: Option<Written<bool>>,
    /// `shutdown_with_message`.
    pub shutdown_with_message: Option<Written<bool>>,
    /// `wait_ready`.
    pub wait_ready: Option<Written<bool>>,
    /// `listen_timeout`.
    pub listen_timeout: Option<Written<f64>>,
    /// `script`, or `exec`.
    pub script: Option<Written<String>>,
    /// `args`, where it is a list.
    pub args: Vec<Written<String>>,
    /// `exec_mode`, without the `_mode` that PM2 puts behind it.
    pub exec_mode: Option<Written<String>>,
}

impl Pm2App {
    /// It is a program of Node's (or Bun's), by its name.
    pub fn is_node(&self) -> bool {
        self.script.as_ref().is_some_and(|it| is_node(&it.value))
    }
}

/// What PM2 makes of a number of milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    /// It is nothing to JavaScript's `||`: the default holds.
    Default,
    /// Node's timers cannot hold it, and fire at once.
    AtOnce,
    /// It is held.
    For(Duration),
}

/// What PM2 makes of a number of milliseconds.
pub(crate) fn held(milliseconds: f64) -> Held {
    if milliseconds == 0.0 || milliseconds.is_nan() {
        return Held::Default;
    }
    // Timers count whole milliseconds.
    match Duration::try_from_secs_f64(milliseconds.trunc() / 1_000.0) {
        Ok(time) if time >= Duration::from_millis(1) && time <= LONGEST_TIMER => Held::For(time),
        _ => Held::AtOnce,
    }
}

fn object(at: &At<'_>, deployed: &mut Deployed) -> bool {
    for key in ["apps", "pm2"] {
        let Some(apps) = at.get(key) else { continue };
        let items = match &apps.node.value {
            Value::Sequence(_) => apps.items(),
            _ => vec![apps],
        };
        // What is laid over an app has its name, and no program.
        let is_patch = |at: &At<'_>| at.text("name").is_some() && at.get("kill_timeout").is_some();
        let is_one = |at: &At<'_>| is_app(at) || is_patch(at);
        let items: Vec<At<'_>> = items.into_iter().filter(is_one).collect();
        if items.is_empty() {
            continue;
        }
        for item in &items {
            let app = app(item, None, &mut deployed.odd);
            deployed.workloads.push(app);
        }
        return true;
    }
    if let Some(env) = at.get("pm2_env") {
        let app = app(&env, at.text("name"), &mut deployed.odd);
        // Every process of an app is listed, with the same settings.
        let same = |other: &Workload| {
            let names = app.name.as_ref().zip(other.name.as_ref());
            other.platform == "pm2" && names.is_some_and(|(one, other)| one.value == other.value)
        };
        if !deployed.workloads.iter().any(same) {
            deployed.workloads.push(app);
        }
        return true;
    }
    // An app by itself has no mark of its own; a name and a script are in other files as well.
    let known = [
        "kill_timeout",
        "exec_mode",
        "instances",
        "interpreter",
        "max_memory_restart",
    ];
    if is_app(at) && at.get("kind").is_none() && known.iter().any(|key| at.get(key).is_some()) {
        let app = app(at, None, &mut deployed.odd);
        deployed.workloads.push(app);
        return true;
    }
    false
}

fn is_app(at: &At<'_>) -> bool {
    ["script", "exec"].iter().any(|key| at.text(key).is_some())
}

fn app(at: &At<'_>, name: Option<Written<String>>, odd: &mut Vec<Odd>) -> Workload {
    let script = ["script", "exec", "pm_exec_path"]
        .iter()
        .find_map(|key| at.text(key));
    let mode = at
        .text("exec_mode")
        .map(|mode| mode.map(|mode| mode.strip_suffix("_mode").unwrap_or(&mode).to_owned()));
    let settings = Pm2App {
        kill_timeout: milliseconds(at, "kill_timeout", odd),
        kill_retry_time: milliseconds(at, "kill_retry_time", odd),
        treekill: at.truth("treekill"),
        shutdown_with_message: at.truth("shutdown_with_message"),
        wait_ready: at.truth("wait_ready"),
        listen_timeout: milliseconds(at, "listen_timeout", odd),
        args: at.texts("args"),
        exec_mode: mode,
        script: script.clone(),
    };
    let name = name.or_else(|| at.text("name"));
    let container = Container {
        name: name.clone(),
        entry: script.into_iter().collect(),
        environment: environment(at),
        grace: settings.kill_timeout.as_ref().map(|written| Written {
            value: match held(written.value) {
                Held::Default => Duration::ZERO,
                Held::AtOnce => Duration::from_millis(1),
                Held::For(time) => time,
            },
            route: written.route.clone(),
        }),
        pm2: Some(Box::new(settings)),
        ..Container::at(at.route.clone())
    };
    Workload {
        name,
        containers: vec![container],
        replicas: at.text("instances").and_then(|text| {
            let count = text.value.parse::<i64>().ok().filter(|count| *count > 0)?;
            Some(text.map(|_| count))
        }),
        ..Workload::at("pm2", "app", at.route.clone())
    }
}

/// A number as PM2 reads it: in quotes or not, and a text of nothing is nothing (`_valid` of
/// `lib/tools/Config.js`). Anything else keeps PM2 from starting.
fn milliseconds(at: &At<'_>, key: &str, odd: &mut Vec<Odd>) -> Option<Written<f64>> {
    let at = at.get(key)?;
    let text = at.scalar()?;
    let trimmed = text.value.trim();
    let number = match trimmed.is_empty() {
        true => Some(0.0),
        false => trimmed.replace('_', "").parse::<f64>().ok(),
    };
    match number.filter(|number| number.is_finite()) {
        Some(number) => Some(text.map(|_| number)),
        None => {
            odd.push(Odd {
                route: at.route,
                expected: "a number of milliseconds",
                meant: None,
            });
            None
        }
    }
}

/// `env`, with every value as the program sees it.
fn environment(at: &At<'_>) -> Vec<Variable> {
    let Some(env) = at.get("env") else {
        return Vec::new();
    };
    let Value::Mapping(entries) = &env.node.value else {
        return Vec::new();
    };
    let variable = |entry: &Entry| {
        let name = env.written(entry.key.clone());
        let at = env.get(&entry.key).unwrap_or_else(|| env.clone());
        let value = match &entry.value {
            Node {
                value: Value::Scalar { text, .. },
                ..
            } => text.clone(),
            _ => return None,
        };
        Some(Variable {
            name,
            value: Some(at.written(value)),
        })
    };
    entries.iter().filter_map(variable).collect()
}

fn grace(file: &Deployed, container: &Container) -> Option<Setting> {
    if file.is_odd(&container.route.key("kill_timeout")) {
        return None;
    }
    match &container.grace {
        Some(written) if written.value.is_zero() => Some(Setting {
            value: FACTS.default_grace,
            place: Place::Value(written.route.clone()),
            default: Some("the PM2 default".to_owned()),
            is_written: true,
        }),
        _ => Some(own_grace(container, &FACTS)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What PM2 7.0.4 was seen to do with each.
    #[test]
    fn numbers_are_held_as_pm2_holds_them() {
        let ms = |ms| Held::For(Duration::from_millis(ms));
        for (number, expected) in [
            (0.0, Held::Default),
            (-0.0, Held::Default),
            (f64::NAN, Held::Default),
            (-5.0, Held::AtOnce),
            (0.5, Held::AtOnce),
            (1.0, ms(1)),
            (1_500.5, ms(1_500)),
            (2_147_483_647.0, Held::For(LONGEST_TIMER)),
            (2_147_483_648.0, Held::AtOnce),
            (f64::MAX, Held::AtOnce),
        ] {
            assert_eq!(held(number), expected, "{number}");
        }
    }

    #[test]
    fn what_is_written_as_false_is_not_unwritten() {
        for (word, treekill) in [("false", Some(false)), ("true", Some(true)), ("1", None)] {
            let text = format!("apps: [{{ name: shop, script: ./shop, treekill: {word} }}]");
            let deployed = Deployed::read(&text);
            let app = deployed.workloads[0].containers[0].pm2.as_deref();
            let read = app.and_then(|app| app.treekill.as_ref()).map(|it| it.value);
            assert_eq!(read, treekill, "{word}");
        }
    }

    #[test]
    fn its_script_is_what_is_run() {
        for key in ["script", "exec", "pm_exec_path"] {
            let text = format!("{{ name: shop, pm2_env: {{ {key}: ./shop }} }}");
            let deployed = Deployed::read(&text);
            let entry = &deployed.workloads[0].containers[0].entry;
            let words: Vec<&str> = entry.iter().map(|it| it.value.as_str()).collect();
            assert_eq!(words, ["./shop"], "{key}");
        }
    }

    #[test]
    fn an_app_is_found_wherever_pm2_finds_one() {
        let app = "{ name: shop, script: ./shop, kill_timeout: 8000 }";
        for text in [
            format!("apps: [{app}]"),
            format!("apps: {app}"),
            format!("pm2: [{app}]"),
            format!("[{app}]"),
            app.to_owned(),
            format!("[{{ name: shop, pm2_env: {app} }}, {{ name: shop, pm2_env: {app} }}]"),
            "apps: [{ name: shop, exec: ./shop, kill_timeout: \"8000\" }]".to_owned(),
            "apps: [{ name: shop, kill_timeout: 8000 }]".to_owned(),
        ] {
            let deployed = Deployed::read(&text);
            let [shop] = &deployed.workloads[..] else {
                panic!("{text}: {} workloads", deployed.workloads.len());
            };
            assert_eq!((shop.platform, shop.title().as_str()), ("pm2", "app shop"));
            let grace = grace(&deployed, &shop.containers[0]).expect("a number");
            assert_eq!(grace.value, Duration::from_secs(8), "{text}");
        }
        for text in [
            "{ script: make, stage: test }",
            "jobs: [{ script: make }]",
            "apps: [1]",
            "apps: [{ name: shop }]",
            "apps: [{ kill_timeout: 8000 }]",
        ] {
            assert!(Deployed::read(text).workloads.is_empty(), "{text}");
        }
    }
}
