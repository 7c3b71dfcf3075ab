//! Which of the ports that a program opens is the one for its users.

use crate::script::Endpoint;
use crate::target::proc::Listening;

/// Of several ports the one that is most likely for users: open to more than this machine before open
/// to it alone, as debuggers and metrics are; then the lowest.
pub(super) fn choose(listening: &[Listening]) -> Option<Endpoint> {
    let reachable = listening
        .iter()
        .filter(|it| it.address.is_unspecified() || it.address.is_loopback());
    let best = reachable.min_by_key(|it| (it.address.is_loopback(), it.port))?;
    // What is open to all addresses of version 6 takes version 4 as well, unless it was told otherwise.
    let only_six = best.address.is_ipv6() && best.address.is_loopback();
    Some(Endpoint::on_loopback(only_six, best.port, "/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(all: &[&str]) -> Option<String> {
        let all: Vec<_> = all
            .iter()
            .map(|text| {
                let at: std::net::SocketAddr = text.parse().unwrap();
                Listening {
                    address: at.ip(),
                    port: at.port(),
                }
            })
            .collect();
        choose(&all).map(|endpoint| endpoint.address().to_string())
    }

    #[test]
    fn the_port_for_users_is_chosen() {
        let chosen = |all: &[&str]| chosen(all).unwrap_or_default();
        assert_eq!(chosen(&["127.0.0.1:3000"]), "127.0.0.1:3000");
        // A debugger on this machine alone, the server, and its metrics.
        let all = ["127.0.0.1:229", "0.0.0.0:8080", "[::]:9090"];
        assert_eq!(chosen(&all), "127.0.0.1:8080");
        assert_eq!(chosen(&["[::1]:3000"]), "[::1]:3000");
        assert_eq!(chosen(&["[::]:3000"]), "127.0.0.1:3000");
        // An address of the network is none that a drill connects to.
        assert_eq!(chosen(&["10.0.0.7:80"]), "");
        assert_eq!(chosen(&[]), "");
    }
}
