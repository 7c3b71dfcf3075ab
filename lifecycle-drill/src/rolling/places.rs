//! Several instances of one program on one machine: each has ports of its own, and is told of them.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Mutex, PoisonError};

use anyhow::{bail, ensure};

use crate::script::{Endpoint, Target};
use crate::target::Subject;

/// Where most programs that can be told their port look for it.
const PORT: &str = "PORT";
/// Where a program with the `lifecycle` runtime looks for the port of its health server.
const HEALTH_PORT: &str = "LIFECYCLE_HEALTH_PORT";
/// Ports below what systems hand out to clients: a port that is free now is not taken by a connection
/// of the load before its instance starts.
const RANGE: std::ops::Range<u16> = 20_000..32_000;

/// What replaces `{port}`, `{health_port}` and `{replica}` in a command and in an environment.
///
/// ```
/// use lifecycle_drill::rolling::Place;
///
/// let second = Place { port: 20_003, health_port: 20_004, replica: 2 };
/// assert_eq!(second.fill("--listen=127.0.0.1:{port}"), "--listen=127.0.0.1:20003");
/// assert_eq!(second.fill("shop-{replica} at {health_port}"), "shop-2 at 20004");
/// assert_eq!(second.fill("{zone}"), "{zone}");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Where the program serves.
    pub port: u16,
    /// Where it answers health; the same as `port` when it has no server of its own for that.
    pub health_port: u16,
    /// Which instance it is, from 1.
    pub replica: usize,
}

impl Place {
    /// The text with its placeholders filled in. Other braces are left as they are.
    pub fn fill(&self, text: &str) -> String {
        text.replace("{port}", &self.port.to_string())
            .replace("{health_port}", &self.health_port.to_string())
            .replace("{replica}", &self.replica.to_string())
    }

    /// The arguments of the target's command and the values of its environment, filled in.
    pub fn fill_in(&self, target: &mut Target) {
        if let Subject::Command(command) = &mut target.subject {
            for text in command {
                *text = self.fill(text);
            }
        }
        for (_, text) in &mut target.env {
            *text = self.fill(text);
        }
    }
}

/// Fills in the placeholders of a target that is drilled alone: with the ports that it has anyway.
///
/// ```
/// use std::time::Duration;
/// use lifecycle_drill::{rolling, Endpoint, Subject, Target};
///
/// let command = ["./shop", "--port={port}"].map(str::to_owned);
/// let mut target = Target {
///     subject: Subject::Command(command.to_vec()),
///     directory: None,
///     env: vec![("HEALTH".to_owned(), "127.0.0.1:{health_port}".to_owned())],
///     base: Some(Endpoint::on_port(8080, "/")),
///     finds_port: false,
///     ready: Some(Endpoint::on_port(9090, "/ready")),
///     live: None,
///     start_timeout: Duration::from_secs(10),
/// };
/// rolling::alone(&mut target);
/// assert_eq!(target.subject.words(), ["./shop", "--port=8080"]);
/// assert_eq!(target.env[0].1, "127.0.0.1:9090");
/// ```
pub fn alone(target: &mut Target) {
    let port = |endpoint: &Option<Endpoint>| endpoint.as_ref().map(|it| it.address().port());
    let health = port(&target.ready).or(port(&target.live));
    let Some(port) = port(&target.base).or(health) else {
        return;
    };
    let place = Place {
        port,
        health_port: health.unwrap_or(port),
        replica: 1,
    };
    place.fill_in(target);
}

/// The ports that a target was told to have, before any instance has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) port: u16,
    /// Another port for health, where there is one.
    pub(super) health_port: Option<u16>,
}

impl Wanted {
    /// Errors: nothing to send requests to, or more ports than an instance can be told of.
    pub(super) fn of(target: &Target) -> anyhow::Result<Self> {
        let Some(base) = &target.base else {
            bail!(
                "a rolling deploy is told by what clients see, and no address is known to send them \
                 to: give `--port`, or write `port:` at the server in the manifest"
            );
        };
        let port = base.address().port();
        let mut others: Vec<u16> = [&target.ready, &target.live]
            .into_iter()
            .flatten()
            .map(|endpoint| endpoint.address().port())
            .filter(|other| *other != port)
            .collect();
        others.dedup();
        ensure!(
            others.len() < 2,
            "requests, readiness and liveness are on three ports ({port}, {} and {}); an instance can \
             be told of two",
            others[0],
            others[1]
        );
        Ok(Self {
            port,
            health_port: others.first().copied(),
        })
    }
}

/// The target as one instance of it: with its own ports, and told of them.
pub(super) fn instance(target: &Target, place: Place) -> Target {
    let moved = |endpoint: &Option<Endpoint>| {
        let endpoint = endpoint.as_ref()?;
        let main = target.base.as_ref().map(|base| base.address().port());
        let port = match main == Some(endpoint.address().port()) {
            true => place.port,
            false => place.health_port,
        };
        Some(endpoint.at_port(Some(port)))
    };
    let mut instance = Target {
        base: moved(&target.base),
        ready: moved(&target.ready),
        live: moved(&target.live),
        ..target.clone()
    };
    place.fill_in(&mut instance);
    // What is written wins, except for a port that was meant for one instance.
    let main = target.base.as_ref().map(|base| base.address().port());
    let told = |env: &[(String, String)], name: &str, old: Option<u16>| {
        let old = old.map(|port| port.to_string());
        env.iter()
            .any(|(key, value)| key == name && Some(value) != old.as_ref())
    };
    if !told(&instance.env, PORT, main) {
        instance.env.push((PORT.to_owned(), place.port.to_string()));
    }
    if place.health_port != place.port && !told(&instance.env, HEALTH_PORT, None) {
        let port = place.health_port.to_string();
        instance.env.push((HEALTH_PORT.to_owned(), port));
    }
    instance
}

/// So many ports that nobody listens on.
pub(super) fn free(count: usize) -> anyhow::Result<Vec<u16>> {
    /// Where the last ones ended, so that drills side by side do not find the same ones free.
    static GIVEN: Mutex<usize> = Mutex::new(0);
    let span = usize::from(RANGE.end - RANGE.start);
    // Two programs that drill at the same time begin at different ones.
    let first = std::process::id() as usize * 61;
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut ports = Vec::new();
    for _ in 0..span {
        if ports.len() == count {
            break;
        }
        let at = u16::try_from((first + *given) % span).unwrap_or_default();
        *given += 1;
        let port = RANGE.start + at;
        // Whoever listens on all addresses is seen by the one, on this address alone by the other.
        let mut addresses = [Ipv4Addr::UNSPECIFIED, Ipv4Addr::LOCALHOST].into_iter();
        if addresses.all(|address| TcpListener::bind((address, port)).is_ok()) {
            ports.push(port);
        }
    }
    ensure!(
        ports.len() == count,
        "this machine has no {count} free ports between {} and {}",
        RANGE.start,
        RANGE.end
    );
    Ok(ports)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(env: &[(&str, &str)]) -> Target {
        Target {
            subject: Subject::Command(vec!["serve".to_owned(), "--listen=:{port}".to_owned()]),
            directory: None,
            env: env
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            base: Some(Endpoint::on_port(8080, "/")),
            ready: Some(Endpoint::on_port(9090, "/ready")),
            live: Some(Endpoint::on_port(9090, "/live")),
            finds_port: false,
            start_timeout: std::time::Duration::from_secs(1),
        }
    }

    fn env<'a>(target: &'a Target, name: &str) -> Vec<&'a str> {
        let named = target.env.iter().filter(|(key, _)| key == name);
        named.map(|(_, value)| &**value).collect()
    }

    const SECOND: Place = Place {
        port: 20_001,
        health_port: 20_002,
        replica: 2,
    };

    #[test]
    fn an_instance_is_told_of_its_ports_in_every_way() {
        let told = instance(
            &target(&[("ADDR", "127.0.0.1:{port}"), ("DB", "/tmp/{replica}.db")]),
            SECOND,
        );
        assert_eq!(told.subject.words(), ["serve", "--listen=:20001"]);
        assert_eq!(env(&told, "ADDR"), ["127.0.0.1:20001"]);
        assert_eq!(env(&told, "DB"), ["/tmp/2.db"]);
        assert_eq!(env(&told, "PORT"), ["20001"]);
        assert_eq!(env(&told, "LIFECYCLE_HEALTH_PORT"), ["20002"]);
        let port = |endpoint: &Option<Endpoint>| endpoint.as_ref().unwrap().address().port();
        assert_eq!(
            (port(&told.base), port(&told.ready), port(&told.live)),
            (20_001, 20_002, 20_002)
        );
    }

    #[test]
    fn what_is_written_wins_unless_it_is_the_one_port_of_all() {
        let told = instance(&target(&[("PORT", "1{port}")]), SECOND);
        assert_eq!(env(&told, "PORT"), ["120001"]);
        let told = instance(&target(&[("PORT", "8080")]), SECOND);
        assert_eq!(env(&told, "PORT").last(), Some(&"20001"));
    }

    #[test]
    fn alone_it_has_the_ports_that_it_was_told() {
        let mut one = target(&[("ADDR", "127.0.0.1:{port}"), ("HEALTH", "{health_port}")]);
        alone(&mut one);
        assert_eq!(env(&one, "ADDR"), ["127.0.0.1:8080"]);
        assert_eq!(env(&one, "HEALTH"), ["9090"]);
        assert_eq!(one.subject.words(), ["serve", "--listen=:8080"]);
        assert_eq!(env(&one, "PORT"), [""; 0]);
    }

    #[test]
    fn two_ports_can_be_told_and_no_more() {
        let mut three = target(&[]);
        assert_eq!(
            Wanted::of(&three).unwrap(),
            Wanted {
                port: 8080,
                health_port: Some(9090)
            }
        );
        three.live = Some(Endpoint::on_port(9091, "/live"));
        let error = Wanted::of(&three).unwrap_err().to_string();
        assert!(
            error.contains("three ports (8080, 9090 and 9091)"),
            "{error}"
        );
        three.base = None;
        assert!(
            Wanted::of(&three)
                .unwrap_err()
                .to_string()
                .contains("--port")
        );
    }

    #[test]
    fn free_ports_are_free_and_different() {
        let mut ports = free(20).unwrap();
        for port in &ports {
            drop(TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).unwrap());
        }
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 20);
    }
}
