//! Stopping under load: no call that the service has seen goes unanswered.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use lifecycle::GrpcServer;
use tonic::transport::Channel;

use crate::common::ms;
use crate::quotes::{Quotes, State, ask, channel, has_gone_away, listener};
use crate::{Running, of_one_server};

/// Clients with a connection of their own.
const ALONE: usize = 64;
/// Connections with several clients, and how many.
const SHARED: usize = 4;
const TOGETHER: usize = 16;
const LOAD: Duration = ms(200);
const LONG: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
struct Outcome {
    served: AtomicUsize,
    /// Seen by the service, and the client had no answer.
    lost: AtomicUsize,
    /// Not seen by the service, and told so: the connection was to go. While the server settles it
    /// still listens, and who connects to it again is told again.
    gone_away: AtomicUsize,
    /// Anything else.
    broken: AtomicUsize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_that_has_begun_is_lost() {
    for settle in [Duration::ZERO, ms(200)] {
        for round in 0..3 {
            let outcome = stopped_under_load(settle).await;
            println!("settle {settle:?}, round {round}: {outcome:?}");
            assert_eq!(outcome.lost.into_inner(), 0);
            assert_eq!(outcome.broken.into_inner(), 0);
            assert!(outcome.served.into_inner() > ALONE + SHARED * TOGETHER);
        }
    }
}

/// Stops one of two servers while all clients ask in a closed loop; each goes to the first, and to
/// the second once the first does not listen any more.
async fn stopped_under_load(settle: Duration) -> Outcome {
    let mut addresses: Vec<SocketAddr> = Vec::new();
    let mut servers = Vec::new();
    let mut states = Vec::new();
    for _ in 0..2 {
        let (listener, address) = listener().await;
        let (quotes, state) = Quotes::new();
        // It ends early, when all have gone elsewhere; the usual 100 ms may be short on a machine
        // that has no time.
        let server = GrpcServer::new(listener, quotes).http(|http| http.linger(ms(5000)));
        addresses.push(address);
        servers.push(Running::up(of_one_server(settle, LONG), server).await);
        states.push(state);
    }
    let [first, second] = servers.try_into().ok().unwrap();

    let load = Arc::new(Load {
        over: AtomicBool::new(false),
        outcome: Outcome::default(),
        states,
    });
    let shared = (0..SHARED).flat_map(|_| {
        let channel = channel(&addresses);
        vec![channel; TOGETHER]
    });
    let channels: Vec<Channel> = (0..ALONE)
        .map(|_| channel(&addresses))
        .chain(shared)
        .collect();
    let clients: Vec<_> = channels
        .into_iter()
        .enumerate()
        .map(|(client, channel)| tokio::spawn(Arc::clone(&load).ask(client, channel)))
        .collect();

    tokio::time::sleep(LOAD).await;
    first.stop();
    let report = first.report().await;
    assert_eq!((report.exit_code(), report.rejected), (0, 0));
    tokio::time::sleep(LOAD).await;
    load.over.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    second.stop();
    assert_eq!(second.report().await.exit_code(), 0);
    Arc::into_inner(load).unwrap().outcome
}

struct Load {
    over: AtomicBool,
    outcome: Outcome,
    states: Vec<Arc<State>>,
}

impl Load {
    async fn ask(self: Arc<Self>, client: usize, channel: Channel) {
        for number in 0.. {
            if self.over.load(Ordering::Relaxed) {
                return;
            }
            let text = format!("{client}/{number}");
            let outcome = &self.outcome;
            let counter = match ask(&channel, &text).await {
                Ok(_) => &outcome.served,
                Err(status) => {
                    let seen = |state: &Arc<State>| state.seen.lock().unwrap().contains(&text);
                    if self.states.iter().any(seen) {
                        println!("{status:?}");
                        &outcome.lost
                    } else if has_gone_away(&status) {
                        &outcome.gone_away
                    } else {
                        println!("{status:?}");
                        &outcome.broken
                    }
                }
            };
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }
}
