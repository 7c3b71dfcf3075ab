//! Compose files: services in every spelling of the Compose Specification, what a service extends in
//! the same file among them. What stands in another file, or in the environment of whoever runs
//! Compose, is not known here, and never taken for absent.

mod values;

use std::time::Duration;

pub(crate) use values::duration;
use values::literal;

use super::read::{At, is_tcp, tcp_port};
use super::reader::Reader;
use super::setting::Setting;
use super::{Action, Container, DependsOn, Deployed, Hook, Odd, Pairs, Port, Variable, Workload};
use crate::duration::seconds_up;
use crate::finding::Place;
use crate::manifest::Written;
use crate::platform::compose::FACTS;
use crate::text::{Route, Value};

pub(super) static READER: Reader = Reader {
    platform: "compose",
    generate: "lifecycle gen compose",
    grace_key: GRACE,
    write_grace: |grace| format!("stop_grace_period: {}s", seconds_up(grace)),
    outside_keys: &[HOOKS],
    write_port: Some(|port| format!("expose: [\"{port}\"]")),
    object,
    grace: |_, _, container| grace(container),
};

const GRACE: &str = "stop_grace_period";
const SIGNAL: &str = "stop_signal";
const HOOKS: &str = "pre_stop";

/// How far a chain of `extends` is followed.
const DEEPEST: usize = 16;

/// A Compose file's `services` are a mapping; those that ECS describes are a list.
fn object(at: &At<'_>, deployed: &mut Deployed) -> bool {
    let Some(services) = at.get("services") else {
        return false;
    };
    let Value::Mapping(entries) = &services.node.value else {
        return false;
    };
    for entry in entries {
        let Some(own) = services.get(&entry.key) else {
            continue;
        };
        if let Value::Mapping(_) = &own.node.value {
            let service = Service::of(&services, own);
            let workload = service.workload(&entry.key, &mut deployed.odd);
            deployed.workloads.push(workload);
        }
    }
    true
}

/// A service with what it extends; the nearest layer that has a key counts.
struct Service<'a> {
    layers: Vec<At<'a>>,
}

impl<'a> Service<'a> {
    fn of(services: &At<'a>, own: At<'a>) -> Self {
        let mut layers = vec![own];
        while layers.len() < DEEPEST {
            let Some(last) = layers.last() else { break };
            // `extends: base`, and `extends: { service: base }` without a file.
            let base = last.get("extends").and_then(|extends| {
                let in_here = extends.get("file").is_none();
                let name = extends.text("service").or_else(|| extends.scalar())?;
                services.get(&name.value).filter(|_| in_here)
            });
            match base {
                Some(base) if layers.iter().all(|known| known.route != base.route) => {
                    layers.push(base);
                }
                _ => break,
            }
        }
        Self { layers }
    }

    /// What is extended at the end of the chain is not in this file.
    fn extends_another_file(&self) -> bool {
        let last = self.layers.last();
        last.is_some_and(|last| last.get("extends").is_some())
    }

    fn get(&self, key: &str) -> Option<At<'a>> {
        self.layers.iter().find_map(|layer| layer.get(key))
    }

    fn text(&self, key: &str) -> Option<Written<String>> {
        known(self.get(key)?.scalar()?)
    }

    fn workload(&self, name: &str, odd: &mut Vec<Odd>) -> Workload {
        let route = self.layers[0].route.clone();
        let named = Written {
            value: name.to_owned(),
            route: route.clone(),
        };
        let replicas = self.get("deploy").and_then(|deploy| deploy.get("replicas"));
        let replicas = replicas.or_else(|| self.get("scale"));
        Workload {
            name: Some(named.clone()),
            labels: Pairs(
                self.named("labels")
                    .into_iter()
                    .filter_map(|(name, value)| Some((name, known(value)?)))
                    .collect(),
            ),
            replicas: replicas.and_then(|at| {
                let count = at.scalar()?;
                let number = count.value.parse().ok()?;
                Some(count.map(|_| number))
            }),
            containers: vec![self.container(named, odd)],
            ..Workload::at("compose", "service", route)
        }
    }

    fn container(&self, name: Written<String>, odd: &mut Vec<Odd>) -> Container {
        let hooks = self.hooks();
        let (grace, endless) = (self.grace(odd), self.endless());
        let stop_signal = self.text(SIGNAL);
        Container {
            name: Some(name.clone()),
            image: self.text("image"),
            entry: self.command("entrypoint"),
            args: self.command("command"),
            elsewhere: self.elsewhere(&[(GRACE, grace.is_some()), (SIGNAL, stop_signal.is_some())]),
            stop_signal,
            grace,
            endless,
            outside: self.outside(&hooks),
            hooks,
            ports: self.ports(),
            environment: self
                .named("environment")
                .into_iter()
                .map(|(name, value)| Variable {
                    name: Written {
                        value: name,
                        route: value.route.clone(),
                    },
                    value: known(value),
                })
                .collect(),
            has_more_variables: self.get("env_file").is_some() || self.extends_another_file(),
            depends_on: self.depends_on(),
            ..Container::at(name.route)
        }
    }

    /// What the engine is told: whole seconds, the rest cut off.
    fn grace(&self, odd: &mut Vec<Odd>) -> Option<Written<Duration>> {
        let at = self.get(GRACE)?;
        let text = known(at.scalar()?)?;
        if endless(&text.value) {
            return None;
        }
        // Between -1s and 0s nothing is left of it, as between 0s and 1s.
        match duration(text.value.strip_prefix('-').unwrap_or(&text.value)) {
            Some(grace) => Some(text.map(|_| Duration::from_secs(grace.as_secs()))),
            None => {
                odd.push(Odd {
                    route: at.route,
                    expected: "a duration with its unit (`30s`)",
                    meant: None,
                });
                None
            }
        }
    }

    /// Where a negative grace period stands, by which the engine waits for ever.
    fn endless(&self) -> Option<Route> {
        let at = self.get(GRACE)?;
        let text = known(at.scalar()?)?;
        endless(&text.value).then_some(at.route)
    }

    /// Which of these, that are known or not, may have a value that is not known; and hooks, which
    /// Compose adds up.
    fn elsewhere(&self, keys: &[(&'static str, bool)]) -> Vec<&'static str> {
        let extends_another_file = self.extends_another_file();
        let may_be = |key| extends_another_file || self.get(key).is_some();
        let unknown = keys.iter().filter(|(key, known)| !known && may_be(key));
        let hooks = extends_another_file.then_some(HOOKS);
        unknown.map(|(key, _)| *key).chain(hooks).collect()
    }

    /// The hooks of every layer, what it extends first: Compose adds them up.
    fn hooks(&self) -> Vec<Hook> {
        let layers = self.layers.iter().rev();
        let hooks = layers.flat_map(|layer| layer.list(HOOKS));
        let hook = |at: At<'_>| Hook {
            action: Action::Exec(command(&at, "command")),
            route: at.route,
        };
        hooks.map(hook).collect()
    }

    /// What the hooks take, where each has an end that can be told.
    fn outside(&self, hooks: &[Hook]) -> Option<Written<Duration>> {
        let at = self.get(HOOKS).filter(|_| !hooks.is_empty())?;
        let total: Option<Duration> = hooks.iter().map(Hook::bound).sum();
        Some(at.written(total?))
    }

    fn command(&self, key: &str) -> Vec<Written<String>> {
        let layer = self.layers.iter().find(|layer| layer.get(key).is_some());
        layer.map(|layer| command(layer, key)).unwrap_or_default()
    }

    /// Every layer's ports, in the short and the long form.
    fn ports(&self) -> Vec<Port> {
        let mut ports = Vec::new();
        for layer in &self.layers {
            for item in layer.list("ports").into_iter().chain(layer.list("expose")) {
                if item.text("protocol").is_some_and(|it| !is_tcp(&it.value)) {
                    continue;
                }
                let target = item.text("target").or_else(|| item.scalar());
                ports.extend(target.and_then(known).and_then(|text| {
                    let number = container_port(&text.value)?;
                    Some(Port {
                        name: None,
                        number: text.map(|_| number),
                    })
                }));
            }
        }
        ports
    }

    fn depends_on(&self) -> Vec<DependsOn> {
        let mut all = Vec::new();
        for layer in &self.layers {
            let Some(at) = layer.get("depends_on") else {
                continue;
            };
            if let Value::Mapping(entries) = &at.node.value {
                all.extend(entries.iter().map(|entry| {
                    let route = at.route.key(&entry.key);
                    DependsOn {
                        condition: at.get(&entry.key).and_then(|it| it.text("condition")),
                        container: Written {
                            value: entry.key.clone(),
                            route,
                        },
                    }
                }));
            }
            all.extend(at.items().iter().filter_map(|item| {
                Some(DependsOn {
                    container: item.scalar()?,
                    condition: None,
                })
            }));
        }
        all
    }

    /// Names with their texts, written as a mapping or as a list of `NAME=TEXT`; a layer's own first.
    fn named(&self, key: &str) -> Vec<(String, Written<String>)> {
        let mut named: Vec<(String, Written<String>)> = Vec::new();
        for layer in &self.layers {
            let Some(at) = layer.get(key) else { continue };
            let mut add = |name: String, value: Written<String>| {
                if named.iter().all(|(known, _)| *known != name) {
                    named.push((name, value));
                }
            };
            if let Value::Mapping(entries) = &at.node.value {
                for entry in entries {
                    // A name alone is taken from the environment of whoever runs Compose.
                    let from_elsewhere = || Written {
                        value: "${}".to_owned(),
                        route: at.route.key(&entry.key),
                    };
                    let value = at.get(&entry.key).and_then(|value| value.scalar());
                    add(entry.key.clone(), value.unwrap_or_else(from_elsewhere));
                }
            }
            for item in at.items() {
                let Some(text) = item.scalar() else { continue };
                let (name, value) = match text.value.split_once('=') {
                    Some((name, value)) => (name.to_owned(), value.to_owned()),
                    None => (text.value.clone(), "${}".to_owned()),
                };
                add(name, text.map(|_| value));
            }
        }
        named
    }
}

/// The grace period that holds; `None` where what stands there, or in another file, is not known.
fn grace(container: &Container) -> Option<Setting> {
    if let Some(written) = &container.grace {
        return Some(Setting {
            value: written.value,
            place: Place::Value(written.route.clone()),
            default: None,
            is_written: true,
        });
    }
    (container.endless.is_none() && !container.elsewhere.contains(&GRACE)).then(|| Setting {
        value: FACTS.default_grace,
        place: Place::Key(container.route.clone()),
        default: Some(format!("the {} default", FACTS.name)),
        is_written: false,
    })
}

/// A command as a list, or as text that Compose splits as a shell does, without running one.
pub(super) fn command(at: &At<'_>, key: &str) -> Vec<Written<String>> {
    let Some(at) = at.get(key) else {
        return Vec::new();
    };
    let words = match at.scalar() {
        Some(text) => {
            let words = shell_words::split(&text.value).unwrap_or_default();
            words
                .into_iter()
                .map(|word| text.clone().map(|_| word))
                .collect()
        }
        None => at.items().iter().filter_map(At::scalar).collect::<Vec<_>>(),
    };
    // What comes from elsewhere is a word all the same.
    let known = |word: Written<String>| {
        let text = literal(&word.value).unwrap_or_else(|| word.value.clone());
        word.map(|_| text)
    };
    words.into_iter().map(known).collect()
}

/// A second less than nothing, or more of them: the engine takes it for no limit.
fn endless(text: &str) -> bool {
    let below = text.strip_prefix('-').and_then(duration);
    below.is_some_and(|below| below.as_secs() > 0)
}

/// The TCP port in the container: the last part of the short form.
fn container_port(text: &str) -> Option<i64> {
    let text = tcp_port(text)?;
    text.rsplit(':').next().unwrap_or(text).parse().ok()
}

/// A text without Compose's own escapes; `None` where part of it comes from elsewhere.
fn known(text: Written<String>) -> Option<Written<String>> {
    let literal = literal(&text.value)?;
    Some(text.map(|_| literal))
}
