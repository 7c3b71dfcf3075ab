//! `HttpServer` beside plain `axum::serve`: what tracking every request costs, and how fast it stops.
//!
//! Both servers run at the same time, each in a process of its own, and are loaded in turns: what
//! slows the machine down for a while slows down both. The ratio of the medians is the result.
//!
//!     cargo bench -p lifecycle-runtime --bench http -- [pairs] [milliseconds a turn]
#![allow(
    clippy::unwrap_used,
    reason = "a benchmark that cannot go on has failed"
)]

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use lifecycle::HttpServer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

const CONNECTIONS: usize = 64;
const WARM_UP: Duration = Duration::from_millis(500);
const STOPS: usize = 50;

fn main() {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo bench` adds it for the standard harness.
    arguments.retain(|argument| argument != "--bench");
    if let [serve, name] = &arguments[..]
        && serve == "--serve"
    {
        return serve_until_input_ends(name);
    }
    let number = |index: usize, default: u64| {
        let given = arguments.get(index).and_then(|text| text.parse().ok());
        given.unwrap_or(default)
    };
    throughput(number(0, 20), Duration::from_millis(number(1, 500)));
    stopping();
}

/// `with_state` settles the routes once; without it the router does so for every request, except
/// under `axum::serve`, which calls it itself.
fn router() -> Router {
    let router = Router::new().route("/", get(|| async { "Hello, World!" }));
    router.with_state(())
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

/// The server's process: prints where it listens, and ends when its standard input does.
fn serve_until_input_ends(name: &str) {
    let runtime = runtime();
    let address = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        match name {
            "lifecycle" => drop(HttpServer::new(listener, router()).spawn()),
            _ => drop(tokio::spawn(async {
                axum::serve(listener, router()).await
            })),
        }
        address
    });
    println!("{address}");
    let _ = std::io::stdin().read_line(&mut String::new());
}

struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    fn start(name: &str) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--serve", name])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let output = process.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut line).unwrap();
        Self {
            process,
            address: line.trim().parse().unwrap(),
        }
    }

    /// Nanoseconds its threads have spent on a processor; zero where the system does not tell.
    fn processor_time(&self) -> u64 {
        let tasks = format!("/proc/{}/task", self.process.id());
        let Ok(tasks) = std::fs::read_dir(tasks) else {
            return 0;
        };
        let spent = |task: std::fs::DirEntry| {
            let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<u64>().ok()
        };
        tasks.flatten().filter_map(spent).sum()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// One turn: requests a second, and nanoseconds of the server's processor time a request.
fn load(server: &Server, runtime: &tokio::runtime::Runtime, turn: Duration) -> (f64, f64) {
    let before = server.processor_time();
    let begun = Instant::now();
    let requests: u64 = runtime.block_on(async {
        let clients: Vec<_> = (0..CONNECTIONS)
            .map(|_| tokio::spawn(ask_until(server.address, begun + turn)))
            .collect();
        let mut requests = 0;
        for client in clients {
            requests += client.await.unwrap();
        }
        requests
    });
    #[allow(clippy::cast_precision_loss, reason = "a benchmark's figures")]
    let [requests, spent] = [requests as f64, (server.processor_time() - before) as f64];
    (requests / begun.elapsed().as_secs_f64(), spent / requests)
}

async fn ask_until(address: SocketAddr, end: Instant) -> u64 {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut received = vec![0; 4096];
    let mut requests = 0;
    while Instant::now() < end {
        let request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut length = 0;
        while !received[..length].ends_with(b"Hello, World!") {
            let read = stream.read(&mut received[length..]).await.unwrap();
            assert!(read > 0, "the server closed a connection");
            length += read;
        }
        requests += 1;
    }
    requests
}

fn throughput(pairs: u64, turn: Duration) {
    let client = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let servers = ["lifecycle", "axum"].map(Server::start);
    let mut rates = [vec![], vec![]];
    let mut costs = [vec![], vec![]];
    for server in &servers {
        load(server, &client, WARM_UP);
    }
    for pair in 0..pairs {
        // Whoever goes first changes with every pair.
        for index in [pair % 2, (pair + 1) % 2].map(|index| usize::from(index == 1)) {
            let (rate, cost) = load(&servers[index], &client, turn);
            rates[index].push(rate);
            costs[index].push(cost);
        }
        print!(".");
        let _ = std::io::stdout().flush();
    }
    println!();
    let pairs = rates[0].iter().zip(&rates[1]);
    let pairs = median(pairs.map(|(ours, axum)| ours / axum).collect());
    let [ours, axum] = rates.map(median);
    println!(
        "requests/s   lifecycle {ours:.0}   axum {axum:.0}   ratio {:.3}   median of the pairs' ratios {pairs:.3}",
        ours / axum
    );
    let [ours, axum] = costs.map(median);
    println!(
        "CPU ns/req   lifecycle {ours:.0}   axum {axum:.0}   ratio {:.3}",
        ours / axum
    );
}

fn stopping() {
    let runtime = runtime();
    for idle in [0, 100] {
        let measure = |stop: fn(TcpListener, oneshot::Receiver<()>) -> Stop| {
            let stops = (0..STOPS).map(|_| runtime.block_on(time_to_stop(idle, stop)));
            median(stops.collect()) * 1e6
        };
        println!(
            "stop with {idle:>3} idle connections, µs   lifecycle {:.0}   lifecycle without linger {:.0}   axum {:.0}",
            measure(|listener, stop| Box::pin(lifecycle(listener, stop, None))),
            measure(|listener, stop| Box::pin(lifecycle(listener, stop, Some(Duration::ZERO)))),
            measure(|listener, stop| Box::pin(axum(listener, stop))),
        );
    }
}

type Stop = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

async fn lifecycle(listener: TcpListener, stop: oneshot::Receiver<()>, linger: Option<Duration>) {
    let mut server = HttpServer::new(listener, router());
    if let Some(linger) = linger {
        server = server.linger(linger);
    }
    let server = server.spawn();
    stop.await.unwrap();
    server.stop().await.unwrap();
}

async fn axum(listener: TcpListener, stop: oneshot::Receiver<()>) {
    axum::serve(listener, router())
        .with_graceful_shutdown(async { stop.await.unwrap() })
        .await
        .unwrap();
}

/// Seconds from asking a server with `idle` kept-alive connections to stop until it has.
async fn time_to_stop(idle: usize, serve: fn(TcpListener, oneshot::Receiver<()>) -> Stop) -> f64 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let server = tokio::spawn(serve(listener, stopped));
    let mut clients = vec![];
    for _ in 0..idle {
        let mut client = TcpStream::connect(address).await.unwrap();
        client
            .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .await
            .unwrap();
        client.read_exact(&mut [0; 64]).await.unwrap();
        clients.push(client);
    }
    let begun = Instant::now();
    stop.send(()).unwrap();
    server.await.unwrap();
    begun.elapsed().as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
