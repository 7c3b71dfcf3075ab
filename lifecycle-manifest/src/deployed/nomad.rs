//! Nomad: job files, and jobs as the API has them (`nomad job inspect`), where durations are
//! numbers of nanoseconds.

use std::time::Duration;

use super::read::At;
use super::reader::{Reader, own_grace};
use super::setting::Setting;
use super::syntax::hcl;
use super::{Container, Deployed, Odd, Port, Variable, Workload, go};
use crate::duration::show;
use crate::manifest::Written;
use crate::platform::{NomadDriver, nomad::FACTS};
use crate::text::Value;

pub(super) static READER: Reader = Reader {
    platform: "nomad",
    generate: "lifecycle gen nomad",
    grace_key: "kill_timeout",
    write_grace: |grace| format!("kill_timeout = \"{}\"", show(grace)),
    outside_keys: &["shutdown_delay", "ShutdownDelay"],
    write_port: Some(|port| format!("to = {port}")),
    object,
    grace,
};

fn object(at: &At<'_>, deployed: &mut Deployed) -> bool {
    if let Some(jobs) = at.get("job").filter(is_mapping) {
        for job in named(&jobs) {
            let job = Piece {
                at: job,
                api: false,
            };
            groups(&job, deployed);
        }
        return true;
    }
    // A part of a file, to be laid into another.
    if at.get("group").as_ref().is_some_and(is_mapping) {
        let job = Piece {
            at: at.clone(),
            api: false,
        };
        groups(&job, deployed);
        return true;
    }
    let job = at
        .get("Job")
        .filter(is_mapping)
        .unwrap_or_else(|| at.clone());
    if job.get("TaskGroups").is_none() {
        return false;
    }
    groups(&Piece { at: job, api: true }, deployed);
    true
}

fn is_mapping(at: &At<'_>) -> bool {
    matches!(at.node.value, Value::Mapping(_))
}

/// The blocks under their labels, in the order of the file.
fn named<'a>(at: &At<'a>) -> Vec<At<'a>> {
    let Value::Mapping(entries) = &at.node.value else {
        return at.items();
    };
    let labelled = entries.iter().filter_map(|entry| at.get(&entry.key));
    labelled.flat_map(|label| label.items()).collect()
}

/// A part of a job, in one of the two spellings: `kill_timeout` in a file, `KillTimeout` in the API.
struct Piece<'a> {
    at: At<'a>,
    api: bool,
}

impl<'a> Piece<'a> {
    fn key(&self, key: &str) -> String {
        if !self.api {
            return key.to_owned();
        }
        let capital = |word: &str| {
            let mut letters = word.chars();
            let first = letters.next().map(|letter| letter.to_ascii_uppercase());
            first.into_iter().chain(letters).collect::<String>()
        };
        key.split('_').map(capital).collect()
    }

    fn get(&self, key: &str) -> Option<At<'a>> {
        self.at.get(&self.key(key))
    }

    /// A block of which there is one, which a file may also write as an attribute.
    fn block(&self, key: &str) -> Option<Piece<'a>> {
        let found = self.get(key)?;
        let at = found.items().into_iter().next().unwrap_or(found);
        Some(Piece { at, api: self.api })
    }

    /// Blocks with labels, or the API's list of them.
    fn all(&self, file: &str, api: &str) -> Vec<Piece<'a>> {
        let key = if self.api { api } else { file };
        let found = self.at.get(key).map(|at| named(&at)).unwrap_or_default();
        let piece = |at| Piece { at, api: self.api };
        found.into_iter().map(piece).collect()
    }

    /// Blocks without labels, or the API's list of them.
    fn every(&self, file: &str, api: &str) -> Vec<Piece<'a>> {
        let key = if self.api { api } else { file };
        let found = self.at.list(key).into_iter();
        found.map(|at| Piece { at, api: self.api }).collect()
    }

    /// Text; the API writes what is not set as nothing between quotes.
    fn text(&self, key: &str) -> Option<Written<String>> {
        let text = self.at.text(&self.key(key));
        text.filter(|text| !(self.api && text.value.is_empty()))
    }

    fn name(&self) -> Option<Written<String>> {
        match self.api {
            true => self.text("name"),
            false => self.at.text(hcl::LABEL),
        }
    }

    fn truth(&self, key: &str) -> bool {
        let truth = self.at.truth(&self.key(key));
        truth.is_some_and(|truth| truth.value)
    }

    fn number(&self, key: &str, odd: &mut Vec<Odd>) -> Option<Written<i64>> {
        self.at.number(&self.key(key), odd)
    }

    /// A duration; what stands there instead is kept aside.
    fn duration(&self, key: &str, odd: &mut Vec<Odd>) -> Option<Written<Duration>> {
        let at = self.get(key)?;
        let scalar = match &at.node.value {
            // A file may write a number too: of nanoseconds, as in the API.
            Value::Scalar { text, plain: true } => text.parse().ok().map(Duration::from_nanos),
            Value::Scalar { text, plain: false } if !self.api => go::duration(text),
            _ => None,
        };
        if scalar.is_none() {
            odd.push(Odd {
                route: at.route.clone(),
                expected: match &at.node.value {
                    // A variable of the job.
                    Value::Scalar { text, .. } if text.contains("${") => "",
                    _ if self.api => "a number of nanoseconds",
                    _ => "a duration, such as `45s`",
                },
                meant: None,
            });
        }
        scalar.map(|value| at.written(value))
    }
}

/// Each group of a job runs by itself.
fn groups(job: &Piece<'_>, deployed: &mut Deployed) {
    let groups = job.all("group", "TaskGroups");
    let several = groups.len() > 1;
    for group in &groups {
        let (kind, name) = match several {
            true => ("group", group.name()),
            false => {
                let name = job.name().or_else(|| job.text("id"));
                ("job", name.or_else(|| group.name()))
            }
        };
        let odd = &mut deployed.odd;
        let delay = group.duration("shutdown_delay", odd);
        let ports = ports(group, odd);
        let tasks = group.all("task", "Tasks");
        let (mut containers, mut beside) = (Vec::new(), Vec::new());
        for task in &tasks {
            let container = container(task, group, &ports, delay.as_ref(), odd);
            // What runs only before or after the others, or beside them, is no program of its own.
            match task.block("lifecycle") {
                Some(_) => beside.push(container),
                None => containers.push(container),
            }
        }
        let workload = Workload {
            name,
            namespace: job.text("namespace"),
            labels: job
                .block("meta")
                .map(|meta| pairs(&meta))
                .unwrap_or_default(),
            containers,
            init_containers: beside,
            replicas: group.number("count", odd),
            ..Workload::at("nomad", kind, group.at.route.clone())
        };
        deployed.workloads.push(workload);
    }
}

fn container(
    task: &Piece<'_>,
    group: &Piece<'_>,
    ports: &[Port],
    delay: Option<&Written<Duration>>,
    odd: &mut Vec<Odd>,
) -> Container {
    let config = task.block("config").map(|config| config.at);
    let of = |key: &str| config.as_ref().and_then(|config| config.text(key));
    let texts = |key: &str| config.as_ref().map(|it| it.texts(key)).unwrap_or_default();
    let opened = texts("ports");
    let is_opened = |port: &&Port| {
        let name = port.name.as_ref();
        opened.is_empty() || name.is_some_and(|name| opened.iter().any(|it| it.value == name.value))
    };
    Container {
        name: task.name(),
        image: of("image"),
        entry: of("command").into_iter().collect(),
        args: texts("args"),
        stop_signal: task.text("kill_signal"),
        ports: ports.iter().filter(is_opened).cloned().collect(),
        environment: task
            .block("env")
            .map(|env| environment(&env))
            .unwrap_or_default(),
        restarts_always: task
            .block("lifecycle")
            .is_some_and(|it| it.truth("sidecar")),
        grace: task.duration("kill_timeout", odd),
        outside: outside(group, task, delay, odd),
        ..Container::at(task.at.route.clone())
    }
}

/// The group's delay and the task's, one after the other; `None` where one of them is not known.
fn outside(
    group: &Piece<'_>,
    task: &Piece<'_>,
    delay: Option<&Written<Duration>>,
    odd: &mut Vec<Odd>,
) -> Option<Written<Duration>> {
    const KEY: &str = "shutdown_delay";
    let own = task.duration(KEY, odd);
    let unknown = |piece: &Piece<'_>, read: bool| piece.get(KEY).is_some() && !read;
    if unknown(group, delay.is_some()) || unknown(task, own.is_some()) {
        return None;
    }
    let Some((group, task)) = delay.zip(own.as_ref()) else {
        return own.or_else(|| delay.cloned());
    };
    let sum = group.value.saturating_add(task.value);
    let longer = if task.value > group.value {
        task
    } else {
        group
    };
    Some(longer.clone().map(|_| sum))
}

fn pairs(at: &Piece<'_>) -> super::Pairs {
    super::Pairs(
        environment(at)
            .into_iter()
            .filter_map(|it| Some((it.name.value, it.value?)))
            .collect(),
    )
}

fn environment(at: &Piece<'_>) -> Vec<Variable> {
    let Value::Mapping(entries) = &at.at.node.value else {
        return Vec::new();
    };
    let variable = |entry: &crate::text::Entry| {
        let value = at.at.get(&entry.key)?;
        let known = value.scalar().filter(|text| !text.value.contains("${"));
        Some(Variable {
            name: value.written(entry.key.clone()),
            value: known,
        })
    };
    entries.iter().filter_map(variable).collect()
}

/// The ports of a group whose number within the task is known.
fn ports(group: &Piece<'_>, odd: &mut Vec<Odd>) -> Vec<Port> {
    let mut ports = Vec::new();
    for network in group.every("network", "Networks") {
        let lists = match network.api {
            true => vec![
                network.all("", "DynamicPorts"),
                network.all("", "ReservedPorts"),
            ],
            false => vec![network.all("port", "")],
        };
        for port in lists.into_iter().flatten() {
            let (name, host) = match port.api {
                true => (port.text("label"), "value"),
                false => (port.name(), "static"),
            };
            let mut known = |key| port.number(key, odd).filter(|number| number.value > 0);
            let number = known("to").or_else(|| known(host));
            ports.extend(number.map(|number| Port { name, number }));
        }
    }
    ports
}

/// Docker counts whole seconds where no signal is written, and drops the rest.
fn grace(file: &Deployed, _: &Workload, container: &Container) -> Option<Setting> {
    let odd = |key: &str| file.is_odd(&container.route.key(key));
    if odd("kill_timeout") || odd("KillTimeout") {
        return None;
    }
    let mut grace = own_grace(container, &FACTS);
    if whole_seconds_count(file, container) {
        grace.value = Duration::from_secs(grace.value.as_secs());
    }
    Some(grace)
}

/// Docker is told of the stop, and drops what is less than a second.
pub(crate) fn whole_seconds_count(file: &Deployed, container: &Container) -> bool {
    container.stop_signal.is_none() && driver(file, container).counts_whole_seconds()
}

/// The driver of a task.
pub(crate) fn driver(file: &Deployed, container: &Container) -> NomadDriver {
    let task = file.document.get(&container.route);
    let named = |key: &str| match &task?.entry(key)?.value.value {
        Value::Scalar { text, .. } => NomadDriver::named(text),
        _ => None,
    };
    // One that is not known here is run like a program.
    named("driver")
        .or_else(|| named("Driver"))
        .unwrap_or(NomadDriver::Exec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_says_where_it_runs_and_how_often() {
        let text = "\
job \"shop\" {
  namespace = \"prod\"
  group \"shop\" {
    count = 3
    task \"shop\" {}
  }
}
";
        let deployed = Deployed::named("shop.nomad", text);
        let [shop] = &deployed.workloads[..] else {
            panic!("{} workloads", deployed.workloads.len());
        };
        let namespace = shop.namespace.as_ref().map(|it| it.value.as_str());
        let count = shop.replicas.as_ref().map(|it| it.value);
        assert_eq!((namespace, count), (Some("prod"), Some(3)));
    }

    #[test]
    fn a_key_that_is_called_job_makes_no_job() {
        let text = "{ job: nightly, name: shop, script: ./shop, kill_timeout: 8000 }";
        let deployed = Deployed::read(text);
        assert_eq!(deployed.workloads[0].platform, "pm2");
    }
}
