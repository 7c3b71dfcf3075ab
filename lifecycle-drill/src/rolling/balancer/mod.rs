//! The balancer before the instances: on a thread and a runtime of its own, with the platform's probes
//! beside it, so that neither waits for whoever plays the deploy.

mod connections;
mod requests;
mod upstream;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Handle;
use tokio::time::sleep;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::deploy::Balancing;
use super::router::{Backend, Fault, Router};
use crate::probe;
use crate::script::Target;
use crate::traffic::client::probe_if_able;
use crate::traffic::connecting::is_local;

/// Between two looks at an instance that has never been ready, before the deploy begins.
const LOOK: Duration = Duration::from_millis(10);
/// A probe without an answer for this long has failed; Kubernetes' own default.
const LIMIT: Duration = Duration::from_secs(1);
/// How long the balancer waits for a descriptor or a port of its own.
const PATIENCE: Duration = Duration::from_secs(5);
/// Connections that wait for the balancer while others have the processor.
const BACKLOG: u32 = 4_096;

/// A balancer at work. Dropping it closes every connection.
pub(super) struct Balancer {
    pub(super) router: Arc<Router>,
    pub(super) address: SocketAddr,
    runtime: Handle,
    _until: DropGuard,
}

impl Balancer {
    /// Listens on a port of its own.
    ///
    /// `holds`: how long a request waits there for somebody to send it to. `looks`: its clients look whether a connection that they kept was closed before they send on it.
    pub(super) fn start(
        balancing: Balancing,
        last_resort: bool,
        holds: Duration,
        looks: bool,
    ) -> anyhow::Result<Self> {
        let router = Arc::new(Router::new(balancing, last_resort, holds));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let handle = runtime.handle().clone();
        let listener = {
            let _within = handle.enter();
            let socket = TcpSocket::new_v4()?;
            socket
                .bind((Ipv4Addr::LOCALHOST, 0).into())
                .context("the balancer found no port to listen on")?;
            socket.listen(BACKLOG)?
        };
        let address = listener.local_addr()?;
        let over = CancellationToken::new();
        let (accepting, until) = (Arc::clone(&router), over.clone());
        std::thread::Builder::new()
            .name("drill-balancer".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = accept(&listener, balancing, looks, &accepting) => {}
                        () = until.cancelled() => {}
                    }
                });
            })?;
        Ok(Self {
            router,
            address,
            runtime: handle,
            _until: over.drop_guard(),
        })
    }

    /// Takes an instance in, and probes it from now on; connections come to it once it is routed.
    ///
    /// `eager`: it is asked without pause until it is ready for the first time, for nothing is measured
    /// before.
    pub(super) fn take_in(
        &self,
        backend: &Arc<Backend>,
        target: &Target,
        probing: Probing,
    ) -> anyhow::Result<()> {
        let asked = match &target.ready {
            Some(endpoint) => Some((endpoint.clone(), probe::template(endpoint)?)),
            None => None,
        };
        self.router.add(Arc::clone(backend));
        let backend = Arc::clone(backend);
        self.runtime.spawn(async move {
            let mut failures = 0;
            let mut was_ready = false;
            while !backend.over.load(SeqCst) {
                let listens = async || {
                    let reached = reach(backend.address).await;
                    !matches!(reached, Err(Fault::NobodyListened))
                };
                let yes = match &asked {
                    Some((endpoint, template)) => {
                        let probed = probe_if_able(template, endpoint.address(), LIMIT).await;
                        let Ok(answer) = probed else {
                            // For want of a descriptor nobody was asked.
                            sleep(probing.period).await;
                            continue;
                        };
                        // What kubelet takes for success.
                        answer.is_some_and(|status| (200..400).contains(&status))
                            // An instance may answer health before it takes requests.
                            && (was_ready || listens().await)
                    }
                    None => listens().await,
                };
                failures = if yes { 0 } else { failures + 1 };
                if yes || failures >= probing.failures {
                    backend.found(yes);
                }
                was_ready |= yes;
                let eager = probing.eager && !was_ready;
                sleep(if eager { LOOK } else { probing.period }).await;
            }
        });
        Ok(())
    }
}

/// How an instance is probed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Probing {
    /// How often.
    pub(super) period: Duration,
    /// How many bad answers in a row it takes to be not ready.
    pub(super) failures: u32,
    /// Without pause until it is ready for the first time.
    pub(super) eager: bool,
}

/// Connects to an instance. Where this machine has no descriptor or port left, it waits for one: that is
/// nobody's fault but the drill's.
async fn reach(address: SocketAddr) -> Result<TcpStream, Fault> {
    let until = Instant::now() + PATIENCE;
    loop {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                // Without it a small request waits for an acknowledgement; not setting it costs time,
                // not truth.
                let _slower = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) if !is_local(&error) => return Err(Fault::NobodyListened),
            Err(_) if Instant::now() >= until => return Err(Fault::NoRoom),
            Err(_) => sleep(LOOK).await,
        }
    }
}

async fn accept(listener: &TcpListener, balancing: Balancing, looks: bool, router: &Arc<Router>) {
    loop {
        let Ok((client, _)) = listener.accept().await else {
            // No descriptor left, most likely: those that are open close one day.
            sleep(LOOK).await;
            continue;
        };
        // Without it a small request waits for an acknowledgement; not setting it costs time, not
        // truth.
        let _slower = client.set_nodelay(true);
        let router = Arc::clone(router);
        match balancing {
            Balancing::Connections => tokio::spawn(connections::carry(client, router, looks)),
            Balancing::Requests => tokio::spawn(requests::serve(client, router)),
        };
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener as Listener, TcpStream as Stream};

    use super::*;

    /// A balancer before one instance that reads a head, says `answers` of it, and does the `rest`.
    fn before(
        balancing: Balancing,
        answer: &'static str,
        rest: fn(&mut Stream),
    ) -> (Balancer, Stream) {
        let balancer = Balancer::start(balancing, false, Duration::ZERO, true).unwrap();
        let listener = Listener::bind(("127.0.0.1", 0)).unwrap();
        let backend = Arc::new(Backend::new(1, listener.local_addr().unwrap()));
        backend.found(true);
        backend.route(true);
        balancer.router.add(backend);
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            head(&mut stream);
            stream.write_all(answer.as_bytes()).unwrap();
            rest(&mut stream);
        });
        let client = Stream::connect(balancer.address).unwrap();
        client
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        (balancer, client)
    }

    /// Reads to the blank line.
    fn head(stream: &mut Stream) -> String {
        let mut read = Vec::new();
        let mut byte = [0];
        while !read.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() > 0 {
            read.push(byte[0]);
        }
        String::from_utf8(read).unwrap()
    }

    fn faults(balancer: &Balancer) -> Vec<Fault> {
        let faults = balancer.router.faults();
        faults.into_iter().map(|(_, fault, _)| fault).collect()
    }

    const UPGRADE: &str =
        "GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
    const UPGRADED: &str =
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";

    #[test]
    fn a_socket_is_carried_both_ways_by_either() {
        for balancing in [Balancing::Connections, Balancing::Requests] {
            let (balancer, mut client) = before(balancing, UPGRADED, |stream| {
                let mut said = [0; 5];
                stream.read_exact(&mut said).unwrap();
                stream.write_all(&said).unwrap();
            });
            client.write_all(UPGRADE.as_bytes()).unwrap();
            assert!(head(&mut client).starts_with("HTTP/1.1 101"));
            client.write_all(b"hello").unwrap();
            let mut heard = [0; 5];
            client.read_exact(&mut heard).unwrap();
            assert_eq!(&heard, b"hello", "{balancing:?}");
            assert_eq!(faults(&balancer), []);
        }
    }

    #[test]
    fn an_answer_that_breaks_off_breaks_off_for_the_client() {
        let (balancer, mut client) = before(
            Balancing::Requests,
            "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
            |_| {},
        );
        client
            .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            .unwrap();
        assert!(head(&mut client).starts_with("HTTP/1.1 200"));
        let mut body = Vec::new();
        // Closed or reset, whichever comes first: never ten bytes.
        let _ended = client.read_to_end(&mut body);
        assert!(body.len() < 10, "{body:?}");
        assert_eq!(faults(&balancer), [Fault::Cut]);
    }

    #[test]
    fn that_an_instance_leaves_is_passed_on_though_its_connection_is_not() {
        let (balancer, mut client) = before(
            Balancing::Requests,
            "HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
            |_| {},
        );
        client
            .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            .unwrap();
        let said = head(&mut client);
        assert!(said.contains(crate::traffic::outcome::LEAVES), "{said}");
        assert!(!said.contains("connection: close"), "{said}");
        assert_eq!(faults(&balancer), []);
    }

    #[test]
    fn where_nobody_answers_the_answer_is_the_balancers_own() {
        let balancer = Balancer::start(Balancing::Requests, false, Duration::ZERO, true).unwrap();
        let mut client = Stream::connect(balancer.address).unwrap();
        client
            .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            .unwrap();
        let said = head(&mut client);
        assert!(said.starts_with("HTTP/1.1 503"), "{said}");
        assert!(said.contains("x-lifecycle-balancer"), "{said}");
        assert_eq!(faults(&balancer), [Fault::NoInstance]);
    }
}
