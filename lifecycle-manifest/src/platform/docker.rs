//! The Docker engine: `docker run --stop-timeout`, and what `docker stop` then does.
//!
//! Sources: <https://docs.docker.com/reference/cli/docker/container/stop/>,
//! <https://docs.docker.com/reference/cli/docker/container/run/#stop-timeout> and moby
//! (`daemon/stop.go`, `daemon/daemon.go`, `daemon/config`, tag `docker-v29.7.0`). The signal goes to
//! the container's first process alone; SIGKILL follows after a whole number of seconds. Seen on
//! engine 20.10: `stop` on a program that ignores SIGTERM ends it after 2.1 s of `--stop-timeout=2`.

use std::time::Duration;

use super::health_check::health_check;
use super::{Common, Facts, HealthCheck, Own, Signal, Terms, owed_settle};
use crate::figure::{Figure, Origin};
use crate::finding::{Finding, Place};
use crate::manifest::{Manifest, Written};
use crate::read::{OtherName, Table, Zero};
use crate::rules::shape;

pub(crate) static FACTS: Facts = Facts {
    key: "docker",
    name: "Docker",
    nicknames: &[],
    default_grace: STOP_TIMEOUT,
    // `StopTimeout` is an integer of seconds.
    unit: Duration::from_secs(1),
    // With 0 the signal and SIGKILL go out back to back (`daemon/stop.go`).
    kill_floor: Duration::ZERO,
    runs_images: true,
    other_names: &[
        OtherName::seconds("stop_timeout", "grace_period"),
        OtherName::seconds("stop-timeout", "grace_period"),
        OtherName::new("stop_grace_period", "grace_period"),
        OtherName::new("stop-signal", "stop_signal"),
        OtherName::new("publish", "ports"),
        OtherName::new("healthcheck", "health_check"),
    ],
};

/// `defaultStopTimeout` of a Linux engine; what runs it may set another one since 29.7
/// (`default-stop-timeout`), which is why generated commands always say the number.
pub(super) const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// How much longer than its longest container an engine that shuts down waits
/// (`Daemon.ShutdownTimeout` in `daemon/daemon.go`).
pub(crate) const ENGINE_MARGIN: Duration = Duration::from_secs(5);

/// `platforms.docker`.
///
/// ```
/// use lifecycle_manifest::{Analysis, Platform};
/// use lifecycle_manifest::platform::Signal;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 5s }
/// platforms:
///   docker: { stop_signal: SIGINT, ports: ['127.0.0.1:80:8080'] }
/// ");
/// let platforms = analysis.resolved.unwrap().manifest.platforms;
/// let docker = platforms.iter().find_map(Platform::docker).unwrap();
/// assert_eq!(docker.stop_signal.as_ref().map(|it| it.value), Some(Signal::Int));
/// assert_eq!(docker.ports[0].address.as_deref(), Some("127.0.0.1"));
/// assert!(docker.health_check.is_none());
/// ```
#[derive(Debug, Clone)]
pub struct Docker {
    /// The knobs that every platform has.
    pub common: Common,
    /// `stop_signal`; SIGTERM when not written.
    pub stop_signal: Option<Written<Signal>>,
    /// `init`: a small init is the container's first process, and passes signals on.
    pub init: Option<Written<bool>>,
    /// `ports`: what is published on the host.
    pub ports: Vec<Published>,
    /// `health_check`: how Docker asks the container itself; none when not written.
    pub health_check: Option<HealthCheck>,
    /// `supervisor_timeout`: how long what stops the engine waits for it.
    pub supervisor_timeout: Option<Written<Duration>>,
}

/// A published port, as in `127.0.0.1:80:8080/tcp`.
///
/// ```
/// use lifecycle_manifest::Written;
/// use lifecycle_manifest::platform::Published;
/// use lifecycle_manifest::text::Route;
///
/// let parse = |text: &str| {
///     Published::parse(Written { value: text.to_owned(), route: Route::root() })
/// };
/// let port = parse("127.0.0.1:80:8080").unwrap();
/// assert_eq!(port.address.as_deref(), Some("127.0.0.1"));
/// assert_eq!((port.host, port.container, port.udp), (Some(80), 8080, false));
/// assert!(parse("53/udp").unwrap().udp);
/// assert!(parse("80-81:8080-8081").is_none());
/// ```
#[derive(Debug, Clone)]
pub struct Published {
    /// As it is written.
    pub text: Written<String>,
    /// The address on the host; every one when not written.
    pub address: Option<String>,
    /// The port on the host; one that is free when not written.
    pub host: Option<u16>,
    /// The port in the container.
    pub container: u16,
    /// It carries UDP.
    pub udp: bool,
}

impl Published {
    /// The short form that `docker run --publish` and Compose share: `[[ADDRESS:]HOST:]PORT[/tcp|udp]`.
    /// `None` for a range, which says of no port where it leads, and for what is none.
    pub fn parse(text: Written<String>) -> Option<Self> {
        let port = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let number: u16 = text.parse().ok().filter(|_| digits)?;
            (number > 0).then_some(number)
        };
        let (rest, protocol) = text.value.split_once('/').unwrap_or((&text.value, "tcp"));
        let udp = match protocol {
            "tcp" => false,
            "udp" => true,
            _ => return None,
        };
        let (before, container) = match rest.rsplit_once(':') {
            Some((before, container)) => (Some(before), port(container)?),
            None => (None, port(rest)?),
        };
        let (address, host) = match before.map(|before| before.rsplit_once(':')) {
            None => (None, None),
            Some(None) => (None, Some(port(before?)?)),
            Some(Some((address, host))) => {
                let bare = address
                    .strip_prefix('[')
                    .and_then(|it| it.strip_suffix(']'));
                let is_one = match bare {
                    Some(six) => six.parse::<std::net::Ipv6Addr>().is_ok(),
                    None => address.parse::<std::net::Ipv4Addr>().is_ok(),
                };
                let host = match host {
                    "" => None,
                    host => Some(port(host)?),
                };
                (Some(is_one.then(|| address.to_owned())?), host)
            }
        };
        Some(Self {
            text,
            address,
            host,
            container,
            udp,
        })
    }

    pub(super) fn read(table: &mut Table<'_, '_>) -> Vec<Self> {
        let mut ports = Vec::new();
        for (route, item) in table.items("ports", "a list of ports, such as `[\"80:8080\"]`") {
            let Some(text) = table.scalar(item, route, "a port, such as `\"80:8080\"`") else {
                continue;
            };
            let route = text.route.clone();
            match Self::parse(text) {
                Some(port) => ports.push(port),
                None => {
                    let message =
                        format!("`{route}` takes one port, and this is {}", item.describe());
                    let finding = Finding::new(&shape::OUT_OF_RANGE, message, Place::Value(route));
                    table.push(finding.help(
                        "write `\"HOST:CONTAINER\"`, with the host's address before it where only one may reach it: `\"127.0.0.1:80:8080\"`",
                    ));
                }
            }
        }
        ports
    }
}

impl Docker {
    pub(super) fn read(common: Common, table: &mut Table<'_, '_>) -> Self {
        Self {
            common,
            stop_signal: table.word("stop_signal", "a signal", Signal::WORDS),
            init: table.boolean("init"),
            ports: Published::read(table),
            health_check: health_check(table),
            supervisor_timeout: table.duration("supervisor_timeout", Zero::Refused),
        }
    }

    pub(super) fn terms(&self, manifest: &Manifest) -> Terms {
        Terms {
            grace: self.common.grace(&FACTS),
            // An integer of seconds that no plan reaches.
            cap: None,
            signal: self
                .stop_signal
                .as_ref()
                .map_or_else(Signal::default, |it| it.value),
            outside: None,
            hook: None,
            paid_before_signal: Duration::ZERO,
            routing_lags: false,
            settle: settle(manifest),
            sidecars: Vec::new(),
            after: Vec::new(),
        }
    }
}

impl Own for Docker {
    fn written_signal(&self) -> Option<&Written<Signal>> {
        self.stop_signal.as_ref()
    }

    #[cfg(feature = "deployed")]
    fn forget_signal(&mut self) {
        self.stop_signal = None;
    }
}

/// The settle time where nothing routes: whoever calls a container calls that one, and there is no
/// other to be sent to. What the manifest writes, for a proxy of its own, the program pays.
pub(super) fn settle(manifest: &Manifest) -> Figure {
    let mut settle = owed_settle(manifest, false);
    let takes_traffic = |resource: &crate::manifest::Resource| resource.kind.value.takes_traffic();
    if settle.origin.route().is_none() && manifest.resources.iter().any(takes_traffic) {
        settle.origin = Origin::Derived("nothing routes to containers");
    }
    settle
}

#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[schemars(
    deny_unknown_fields,
    title = "docker",
    rename = "Docker",
    description = "How the service stops under `docker run`."
)]
#[allow(dead_code, reason = "only its shape is read")]
pub(crate) struct Schema {
    #[schemars(flatten)]
    common: crate::schema::CommonSchema,
    /// The container's image. Unset: another platform's, or what `gen --image` says.
    #[schemars(extend("examples" = ["registry.example.com/checkout:1.4.2"]))]
    image: Option<String>,
    /// What `docker stop` sends to the program; `SIGTERM` when not written.
    stop_signal: Option<Signal>,
    /// A small init is the container's first process and passes signals on; `false` when not written.
    init: Option<bool>,
    /// What is published on the host, as `[[ADDRESS:]HOST:]PORT`. Unset: nothing is.
    #[schemars(extend("examples" = [["80:8080"]]))]
    ports: Option<Vec<String>>,
    /// How Docker asks the container itself, through the image's shell. `runtime`: the program asks itself; only a program built with the lifecycle runtime can. None when not written.
    health_check: Option<super::health_check::HealthCheckSchema>,
    /// How long what stops the engine, such as its systemd unit, waits until it kills. Unset: not known.
    supervisor_timeout: Option<crate::schema::DurationSchema>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Route;

    fn parse(text: &str) -> Option<(Option<String>, Option<u16>, u16, bool)> {
        let written = Written {
            value: text.to_owned(),
            route: Route::root(),
        };
        Published::parse(written).map(|it| (it.address, it.host, it.container, it.udp))
    }

    #[test]
    fn a_published_port_is_what_docker_takes_for_one() {
        let plain = |host, container| Some((None, host, container, false));
        assert_eq!(parse("8080"), plain(None, 8080));
        assert_eq!(parse("80:8080"), plain(Some(80), 8080));
        assert_eq!(parse("65535:1/tcp"), plain(Some(65_535), 1));
        assert_eq!(parse("53:53/udp"), Some((None, Some(53), 53, true)));
        let local = Some("127.0.0.1".to_owned());
        assert_eq!(
            parse("127.0.0.1:80:8080"),
            Some((local.clone(), Some(80), 8080, false))
        );
        assert_eq!(parse("127.0.0.1::8080"), Some((local, None, 8080, false)));
        let six = Some("[::1]".to_owned());
        assert_eq!(parse("[::1]:80:8080"), Some((six, Some(80), 8080, false)));
        for wrong in [
            "",
            ":",
            "80:",
            ":80",
            "0",
            "80:0",
            "65536",
            "+80",
            "80-81:80-81",
            "a:80",
            "::1:80:80",
            "localhost:80:80",
            "80/sctp2",
            "80/",
            "80:80:80",
            " 80",
            "-1",
        ] {
            assert_eq!(parse(wrong), None, "{wrong:?}");
        }
    }
}
