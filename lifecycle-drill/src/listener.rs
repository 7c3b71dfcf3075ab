//! Whether anybody still listens on the port, as the system's own table says.
//!
//! Asked of the system and not of the program: a connection made only to see whether it is taken
//! would be one more that the program has to let go of.

use std::time::{Duration, Instant};

use super::stage::Stage;

/// From one look to the next.
const PERIOD: Duration = Duration::from_millis(10);
/// The tables of the system, for both families of addresses.
const TABLES: [&str; 2] = ["/proc/net/tcp", "/proc/net/tcp6"];
/// The state of a socket that listens, as the tables write it.
const LISTENING: &str = "0A";
/// More sockets that listen than any machine has, in bytes of a table.
const MOST: usize = 1 << 20;

/// Waits from the stop asked on until nobody listens on the port any more.
///
/// `None`: somebody did to the end of the process, nobody ever did, or the system does not tell.
pub(crate) async fn closed(port: u16, stage: &Stage) -> Option<Instant> {
    let mut seen = false;
    while stage.ended().is_none() && !stage.halt.is_cancelled() {
        let asked = stage.asked().is_some();
        // Once before the stop is asked: a busy machine's first look after it may come too late.
        if asked || !seen {
            match listens(port) {
                Some(true) => seen = true,
                Some(false) if asked => return seen.then(Instant::now),
                Some(false) => {}
                None => return None,
            }
        }
        tokio::time::sleep(PERIOD).await;
    }
    None
}

/// Whether a socket listens on the port; `None` where the system does not tell.
fn listens(port: u16) -> Option<bool> {
    let mut told = false;
    for table in TABLES {
        if let Ok(file) = std::fs::File::open(table) {
            told = true;
            if listed(file, port) {
                return Some(true);
            }
        }
    }
    told.then_some(false)
}

/// Looks for a listener of the port. The system lists listeners before all other sockets, so that
/// nothing behind them is read, however many connections there are.
fn listed(mut table: impl std::io::Read, port: u16) -> bool {
    let port = format!("{port:04X}");
    let mut text = Vec::new();
    let mut chunk = [0; 4_096];
    while text.len() < MOST {
        let count = match table.read(&mut chunk) {
            Ok(0) | Err(_) => break,
            Ok(count) => count,
        };
        text.extend_from_slice(chunk.get(..count).unwrap_or_default());
        let whole = text.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
        let read = String::from_utf8_lossy(text.get(..whole).unwrap_or_default());
        for line in read.lines().skip(1) {
            let mut fields = line.split_whitespace().skip(1);
            let local = fields.next().unwrap_or_default();
            if fields.nth(1) != Some(LISTENING) {
                return false;
            }
            if local
                .rsplit_once(':')
                .is_some_and(|(_, found)| found == port)
            {
                return true;
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_come_before_everything_else() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue\n   \
                     0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000\n   \
                     1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000\n   \
                     2: 0100007F:1F91 0100007F:D2F0 01 00000000:00000000 00:00000000\n   \
                     3: 0100007F:1F92 00000000:0000 0A 00000000:00000000 00:00000000\n";
        assert!(listed(table.as_bytes(), 8080));
        assert!(listed(table.as_bytes(), 22));
        assert!(
            !listed(table.as_bytes(), 8081),
            "a connection is no listener"
        );
        assert!(!listed(table.as_bytes(), 8082), "read no further");
        assert!(!listed(&b""[..], 8080));
    }

    #[test]
    fn a_listener_is_seen_and_so_is_its_end() {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        if listens(port).is_none() {
            return;
        }
        assert_eq!(listens(port), Some(true));
        drop(listener);
        assert_eq!(listens(port), Some(false));
    }
}
