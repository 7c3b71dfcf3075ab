//! Clients beside the load, each of which holds a connection to the program in a way of its own.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use crate::script::Endpoint;
use crate::stage::Stage;

/// Before a client comes back whose connection was ended.
const BACK_OFF: Duration = Duration::from_millis(50);
/// Between two looks at whether the signal has gone out.
const LOOK: Duration = Duration::from_millis(5);
/// How long a program may take to take a connection.
const CONNECT: Duration = Duration::from_secs(1);
/// The kernel's buffers of a narrow connection, and its segments, in bytes.
const NARROW: u32 = 4_096;
const SEGMENT: u32 = 536;
/// Of an answer that was not asked for, so much is told.
const TOLD: usize = 60;

pub(crate) type Losing<'a> = Pin<Box<dyn Future<Output = String> + Send + 'a>>;

/// A way of holding connections.
pub(crate) trait Client: Send + Sync {
    /// How many.
    fn connections(&self) -> usize;

    /// Whether the kernel shall hold little of what is under way, on this side and on the other.
    fn narrow(&self) -> bool {
        false
    }

    /// Holds on to a connection until the program ends it, and says how it did. Calls `hold.taken` once
    /// it has the program where it wants it. `authority` is what the `Host` header says.
    fn hold<'a>(&'a self, stream: TcpStream, authority: &'a str, hold: &'a Hold<'a>) -> Losing<'a>;
}

/// What the clients held when the signal went out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grip {
    /// So many connections.
    pub(crate) held: usize,
    /// Of so many.
    pub(crate) of: usize,
    /// How the last one was lost, if any was.
    pub(crate) lost: Option<String>,
}

/// What all clients of a drill share.
struct Seats {
    held: AtomicUsize,
    lost: Mutex<Option<String>>,
}

/// One connection's grip on the program. It is let go when this is dropped.
pub(crate) struct Hold<'a> {
    seats: &'a Seats,
    taken: AtomicBool,
}

impl Hold<'_> {
    /// The program is held from now on.
    pub(crate) fn taken(&self) {
        if !self.taken.swap(true, Ordering::Relaxed) {
            self.seats.held.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        if self.taken.load(Ordering::Relaxed) {
            self.seats.held.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// Starts the clients on a thread of their own. The receiver yields what they held at the signal, once
/// the stage is halted.
pub(super) fn start(
    address: &Endpoint,
    client: &Arc<dyn Client>,
    stage: &Arc<Stage>,
) -> anyhow::Result<oneshot::Receiver<Option<Grip>>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (done, grip) = oneshot::channel();
    let (address, client, stage) = (address.clone(), Arc::clone(client), Arc::clone(stage));
    std::thread::Builder::new()
        .name("drill-clients".to_owned())
        .spawn(move || {
            let grip = runtime.block_on(run(&address, &client, &stage));
            // Nobody listens any more when the drill was interrupted.
            let _interrupted = done.send(grip);
        })?;
    Ok(grip)
}

async fn run(address: &Endpoint, client: &Arc<dyn Client>, stage: &Arc<Stage>) -> Option<Grip> {
    let seats = Arc::new(Seats {
        held: AtomicUsize::new(0),
        lost: Mutex::new(None),
    });
    let of = client.connections();
    for _ in 0..of {
        let (address, client) = (address.clone(), Arc::clone(client));
        let (stage, seats) = (Arc::clone(stage), Arc::clone(&seats));
        tokio::spawn(async move { one(&address, &*client, &stage, &seats).await });
    }
    let mut grip = None;
    while !stage.halt.is_cancelled() {
        if stage.signalled().is_some() {
            grip = Some(Grip {
                held: seats.held.load(Ordering::Relaxed),
                of,
                lost: seats.lost().clone(),
            });
            break;
        }
        sleep(LOOK).await;
    }
    // Held to the end; the tasks go with the runtime.
    stage.halt.cancelled().await;
    grip
}

impl Seats {
    fn lost(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One client: until the signal it comes back as often as it is turned away.
async fn one(address: &Endpoint, client: &dyn Client, stage: &Stage, seats: &Seats) {
    while stage.signalled().is_none() {
        let lost = match connect(address, client.narrow()).await {
            Ok(stream) => {
                let hold = Hold {
                    seats,
                    taken: AtomicBool::new(false),
                };
                client.hold(stream, address.authority(), &hold).await
            }
            Err(why) => why,
        };
        if stage.signalled().is_none() {
            *seats.lost() = Some(lost);
        }
        sleep(BACK_OFF).await;
    }
}

async fn connect(address: &Endpoint, narrow: bool) -> Result<TcpStream, String> {
    let address = address.address();
    let connecting = async {
        let socket = match address.is_ipv4() {
            true => TcpSocket::new_v4()?,
            false => TcpSocket::new_v6()?,
        };
        if narrow {
            socket.set_recv_buffer_size(NARROW)?;
            socket.set_send_buffer_size(NARROW)?;
            // The other side's buffers grow with the size of its segments, which on loopback is 64 KiB.
            SockRef::from(&socket).set_tcp_mss(SEGMENT)?;
        }
        socket.connect(address).await
    };
    match timeout(CONNECT, connecting).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(format!("no connection: {error}")),
        Err(_) => Err("no connection within a second".to_owned()),
    }
}

/// Writes, and says how the connection was lost where that fails.
pub(super) async fn write(stream: &mut TcpStream, bytes: &[u8]) -> Result<(), String> {
    stream
        .write_all(bytes)
        .await
        .map_err(|error| format!("the connection was ended: {error}"))
}

/// Reads what nobody waits for. The end of the connection is an error, and so is an answer.
pub(super) async fn lost(stream: &mut TcpStream) -> String {
    let mut chunk = [0; 512];
    match stream.read(&mut chunk).await {
        Ok(0) => "the connection was closed".to_owned(),
        Ok(read) => {
            let text = String::from_utf8_lossy(&chunk[..read]);
            let line = text.lines().next().unwrap_or_default();
            let line: String = line.chars().take(TOLD).collect();
            format!("it was answered: {line}")
        }
        Err(error) => format!("the connection was ended: {error}"),
    }
}
