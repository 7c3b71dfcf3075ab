//! A container's ports: which are wanted, and where they are published on this machine.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::script::Target;

/// The ports that the target and its load name, each once.
pub(in crate::target) fn wanted(target: &Target, loaded: &[u16]) -> Vec<u16> {
    let all = [&target.base, &target.ready, &target.live];
    let mut ports: Vec<u16> = all
        .into_iter()
        .flatten()
        .map(|endpoint| endpoint.address().port())
        .chain(loaded.iter().copied())
        .collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

/// A port as engines write it, `8080/tcp`; `None` for other protocols.
pub(in crate::target) fn tcp(port: &str) -> Option<u16> {
    match port.split_once('/') {
        Some((port, "tcp")) => port.parse().ok(),
        Some(_) => None,
        None => port.parse().ok(),
    }
}

/// An address that loopback reaches.
pub(in crate::target) fn is_here(ip: &str) -> bool {
    ip.is_empty()
        || ip
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback() || ip.is_unspecified())
}

/// The published ports by the container's own, where loopback reaches them: whether on `::1` alone, and
/// the port there.
pub(super) fn published(ports: &Value) -> BTreeMap<u16, (bool, u16)> {
    let mut found = BTreeMap::new();
    for (inside, places) in ports.as_object().into_iter().flatten() {
        let Some(inside) = tcp(inside) else { continue };
        for place in places.as_array().into_iter().flatten() {
            let ip = place["HostIp"].as_str().unwrap_or_default();
            let port = place["HostPort"].as_str().and_then(|it| it.parse().ok());
            if let Some(port) = port.filter(|_| is_here(ip)) {
                found.entry(inside).or_insert((ip == "::1", port));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_loopback_reaches_is_published() {
        let ports = json!({
            "8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": "32768"}],
            "9090/tcp": [{"HostIp": "10.1.2.3", "HostPort": "9090"}],
            "7070/tcp": [{"HostIp": "0.0.0.0", "HostPort": "70"}, {"HostIp": "::", "HostPort": "70"}],
            "53/udp": [{"HostIp": "0.0.0.0", "HostPort": "53"}],
            "6060/tcp": null,
        });
        let found = published(&ports);
        assert_eq!(found.get(&8_080), Some(&(false, 32_768)));
        assert_eq!(found.get(&7_070), Some(&(false, 70)));
        assert_eq!(found.len(), 2);
    }
}
