//! The program as its own health check: some platforms run the check as a command inside the
//! container, and a bare image has no other program that could ask.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use crate::environment::Environment;
use crate::exchange::{exchange, status, why};
use crate::plan::Plan;

/// The first argument that makes a probe of the process; the second says what it asks for.
const FLAG: &str = "--lifecycle-probe";
/// From the first packet to the verdict. Platforms give a check two seconds and more.
const PATIENCE: Duration = Duration::from_secs(1);
/// Longest status line read, in bytes.
const LINE_LIMIT: usize = 1024;

/// Why the exit code is not 0.
#[derive(Debug, PartialEq)]
struct No {
    code: u8,
    line: String,
}

/// The exit code of a process that was started as a probe; `None`: it was started to serve.
pub(crate) fn asked(plan: &Plan) -> Option<ExitCode> {
    let environment = Environment::read();
    let verdict = verdict(std::env::args_os().skip(1), plan, &environment, PATIENCE)?;
    Some(match verdict {
        Ok(()) => ExitCode::SUCCESS,
        Err(No { code, line }) => {
            // `eprintln!` panics where nobody listens, and the code says enough.
            let _ = writeln!(io::stderr(), "Error: {}: {line}", plan.service);
            code.into()
        }
    })
}

fn verdict(
    mut arguments: impl Iterator<Item = OsString>,
    plan: &Plan,
    environment: &Environment,
    patience: Duration,
) -> Option<Result<(), No>> {
    arguments.next().filter(|first| first == FLAG)?;
    let word = arguments.next().unwrap_or_default();
    let word = word.to_string_lossy();
    if word != "live" && word != "ready" {
        return Some(Err(No {
            code: 2,
            line: format!("`{FLAG}` takes `live` or `ready`, not {word:?}"),
        }));
    }
    let port = match environment.health_port(plan) {
        Ok(port) => port,
        Err(line) => return Some(Err(No { code: 2, line })),
    };
    let (Some(health), Some(port)) = (&plan.health, port) else {
        return Some(Err(No {
            code: 1,
            line: "there is nobody to ask: the plan has no health port".to_owned(),
        }));
    };
    let path = match &*word {
        "live" => &health.live,
        _ => &health.ready,
    };
    let reason = match ask(port, path, patience) {
        Ok(200) => return Some(Ok(())),
        Ok(status) => format!("the answer is {status}"),
        Err(error) => why(&error),
    };
    Some(Err(No {
        code: 1,
        line: format!("not {word}: http://127.0.0.1:{port}{path}: {reason}"),
    }))
}

/// The status that this machine's `port` answers for `path`, or an error once `patience` is over.
fn ask(port: u16, path: &str, patience: Duration) -> io::Result<u16> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let request = format!(
        "GET {path} HTTP/1.1\r\n\
         Host: {address}\r\n\
         User-Agent: lifecycle-probe\r\n\
         Connection: close\r\n\
         \r\n"
    );
    let a_line = |answer: &[u8]| answer.contains(&b'\n');
    let answer = exchange(address, request.as_bytes(), patience, LINE_LIMIT, a_line)?;
    status(&answer)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP/1"))
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::TcpListener;
    use std::thread;
    use std::time::Instant;

    use super::*;
    use crate::plan::{Drift, Health, Timeline};

    /// For answers that come: it is not used up.
    const LONG: Duration = Duration::from_secs(60);
    /// For answers that do not.
    const SHORT: Duration = Duration::from_millis(200);

    fn plan(health: Option<Health>) -> Plan {
        Plan {
            service: "shop".into(),
            digest: "00112233aabbccdd".into(),
            health,
            keep_alive: None,
            drift: Drift::Warn,
            steps: Vec::new().into(),
            timelines: Vec::new().into(),
            unmanaged: Timeline {
                platform: "unmanaged".into(),
                settle: Duration::ZERO,
                timeouts: Vec::new().into(),
                unwind: Duration::ZERO,
                deadline: Duration::ZERO,
                grace: Duration::ZERO,
                kill: Duration::ZERO,
            },
        }
    }

    fn on(port: Option<u16>) -> Plan {
        plan(Some(Health {
            port,
            ready: "/up/ready".into(),
            live: "/up/live".into(),
        }))
    }

    fn started_with(arguments: &[&str], plan: &Plan, patience: Duration) -> Option<Result<(), No>> {
        let environment = Environment::default();
        verdict(
            arguments.iter().map(OsString::from),
            plan,
            &environment,
            patience,
        )
    }

    fn probe(word: &str, plan: &Plan, patience: Duration) -> Result<(), No> {
        started_with(&[FLAG, word], plan, patience).expect("it is a probe")
    }

    /// A plan whose health port is answered once: with these pieces, then with silence if it `hangs`.
    /// The thread's result is the request.
    fn answering(
        pieces: &'static [&'static str],
        hangs: bool,
    ) -> (Plan, thread::JoinHandle<String>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bound");
        let port = listener.local_addr().expect("bound").port();
        let answering = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("accepted");
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).expect("a whole head");
                request.extend(byte);
            }
            for piece in pieces {
                stream.write_all(piece.as_bytes()).expect("sent");
                thread::sleep(Duration::from_millis(5));
            }
            if hangs {
                // Until the probe has given up and closed.
                let _ = stream.read(&mut [0]);
            }
            String::from_utf8(request).expect("text")
        });
        (on(Some(port)), answering)
    }

    fn refused(pieces: &'static [&'static str]) -> String {
        let (plan, answering) = answering(pieces, false);
        let no = probe("ready", &plan, LONG).expect_err("not ready");
        answering.join().expect("asked");
        assert_eq!(no.code, 1);
        no.line
    }

    #[test]
    fn other_arguments_are_the_services_own() {
        for arguments in [
            &[][..],
            &["live"],
            &["--lifecycle-probes", "live"],
            &["serve", FLAG, "live"],
        ] {
            assert_eq!(started_with(arguments, &on(None), SHORT), None);
        }
    }

    #[test]
    fn each_word_asks_for_its_path_and_200_is_yes() {
        for word in ["live", "ready"] {
            let (plan, answering) = answering(&["HTTP/1.1 200 OK\r\n\r\nOK\n"], false);
            assert_eq!(probe(word, &plan, LONG), Ok(()));
            let request = answering.join().expect("asked");
            assert!(
                request.starts_with(&format!("GET /up/{word} HTTP/1.1\r\nHost: 127.0.0.1:")),
                "{request}"
            );
            assert!(request.contains("\r\nConnection: close\r\n"), "{request}");
        }
    }

    #[test]
    fn an_answer_in_pieces_is_put_together() {
        let (plan, answering) = answering(&["HT", "TP/1.0 2", "00", "\n"], true);
        assert_eq!(probe("live", &plan, LONG), Ok(()));
        answering.join().expect("asked");
    }

    #[test]
    fn any_other_answer_is_no() {
        let unavailable = refused(&["HTTP/1.1 503 Service Unavailable\r\n\r\n"]);
        assert!(
            unavailable.starts_with("not ready: http://127.0.0.1:"),
            "{unavailable}"
        );
        assert!(
            unavailable.ends_with("/up/ready: the answer is 503"),
            "{unavailable}"
        );
        for (pieces, why) in [
            (&["HTTP/1.1 204 No Content\r\n\r\n"][..], "204"),
            (&["HTTP/1.1 2000 OK\r\n\r\n"], "2000"),
            (&["HTTP/1.1 200 OK"], "not HTTP/1"),
            (&["SSH-2.0-OpenSSH_9.9\r\n"], "not HTTP/1"),
            (&["HTTP/2 200\r\n"], "not HTTP/1"),
            (&[], "not HTTP/1"),
        ] {
            let line = refused(pieces);
            assert!(line.ends_with(why), "{line}");
        }
    }

    #[test]
    fn a_line_without_end_is_not_read_to_its_end() {
        const LINE: &str = match std::str::from_utf8(&[b'x'; LINE_LIMIT]) {
            Ok(line) => line,
            Err(_) => "",
        };
        let (plan, answering) = answering(&[LINE], true);
        let begun = Instant::now();
        let no = probe("live", &plan, LONG).expect_err("not live");
        assert!(no.line.ends_with("not HTTP/1"), "{}", no.line);
        assert!(
            begun.elapsed() < LONG / 2,
            "the limit ended it, not the time"
        );
        answering.join().expect("asked");
    }

    #[test]
    fn who_does_not_answer_is_not_waited_for() {
        for pieces in [&[][..], &["HTTP/1.1 200"]] {
            let (plan, answering) = answering(pieces, true);
            let no = probe("live", &plan, SHORT).expect_err("not live");
            assert!(no.line.ends_with("no answer in time"), "{}", no.line);
            answering.join().expect("asked");
        }
    }

    #[test]
    fn who_answers_byte_by_byte_has_no_more_time() {
        // A hundred pieces of 5 ms each are longer than `SHORT`.
        let (plan, answering) = answering(&["x"; 100], false);
        let no = probe("live", &plan, SHORT).expect_err("not live");
        assert!(no.line.ends_with("no answer in time"), "{}", no.line);
        // The pieces after that find nobody.
        let _ = answering.join();
    }

    #[test]
    fn nobody_there_is_no() {
        // Reserved for a service that no machine runs; a port that is just free might be taken by
        // another test.
        let no = probe("live", &on(Some(1)), LONG).expect_err("not live");
        assert_eq!(no.code, 1);
        let place = "not live: http://127.0.0.1:1/up/live: ";
        assert!(no.line.starts_with(place), "{}", no.line);
    }

    #[test]
    fn a_plan_without_a_health_port_is_no() {
        for plan in [plan(None), on(None)] {
            let no = probe("live", &plan, LONG).expect_err("not live");
            assert_eq!(no.code, 1);
            assert!(no.line.contains("no health port"), "{}", no.line);
        }
    }

    #[test]
    fn an_unknown_word_is_a_mistake() {
        for arguments in [&[FLAG][..], &[FLAG, "alive"], &[FLAG, ""]] {
            let no = started_with(arguments, &on(Some(1)), LONG)
                .expect("it is a probe")
                .expect_err("not a word");
            assert_eq!(no.code, 2);
            assert!(no.line.contains("`live` or `ready`"), "{}", no.line);
        }
    }
}
