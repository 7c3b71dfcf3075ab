//! A client that never comes to the end of what it is answered.
//!
//! Any server can be brought there without an endless page: a client that sends request after request and
//! takes nothing of the answers leaves it standing in the middle of one, once the buffers are full.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::additions::Aside;
use super::clients::{Client, Hold, Losing};
use super::judgement::Judgement;
use super::{Asks, No, Scenario, Scene};
use crate::script::RequestSpec;

/// From one sip to the next, and what a sip is at most.
const SIP: Duration = Duration::from_millis(200);
const MOUTHFUL: usize = 512;
/// Requests that are sent at once.
const BATCH: usize = 64;
/// A server that takes no more requests for so long stands at the answers.
const FULL: Duration = Duration::from_millis(150);
/// No more bytes of requests than this: a server that has answered all of them is not to be filled.
const MOST: usize = 32 * 1024 * 1024;

pub(super) static SCENARIO: Scenario = Scenario {
    name: "endless-download",
    about: "a client never comes to the end of its answers: it has asked for many and takes none, or takes the \
            page that is named a few bytes at a time",
    asks: Asks::Http,
    passes: "it gives that one up in time and leaves by itself; every other request is answered",
    argument: Some("PATH"),
    arrange,
    judge,
};

fn arrange(scene: &mut Scene) -> Result<(), No> {
    let page = scene.argument.clone().map(RequestSpec::get);
    let repeats = page.is_none();
    let request = page.unwrap_or_else(|| scene.plain_request());
    scene.client(Download { request, repeats })
}

fn judge(_: &Scene, aside: &Aside, judgement: &mut Judgement<'_>) -> Result<(), No> {
    judgement.held(aside, "was in the middle of its answers")?;
    judgement.excuse_abandoned();
    judgement.held_up_because(
        "the shutdown waits for every answer to be taken, however slowly: give the drain a timeout, after \
         which what is left is cut",
    );
    Ok(())
}

struct Download {
    request: RequestSpec,
    /// One request after the other, and nothing is taken of the answers.
    repeats: bool,
}

impl Client for Download {
    fn connections(&self) -> usize {
        1
    }

    fn narrow(&self) -> bool {
        true
    }

    fn hold<'a>(&'a self, stream: TcpStream, authority: &'a str, hold: &'a Hold<'a>) -> Losing<'a> {
        Box::pin(async move {
            let (mut answers, mut requests) = stream.into_split();
            let asking = async {
                let request = super::whole(&self.request, authority);
                let batch = request.repeat(if self.repeats { BATCH } else { 1 });
                let mut sent = 0;
                while sent < MOST {
                    let mut written = 0;
                    while written < batch.len() {
                        match timeout(FULL, requests.write(&batch[written..])).await {
                            // Nothing is taken any more: the server stands. It is asked on as it goes on.
                            Err(_) => hold.taken(),
                            Ok(Ok(more)) if more > 0 => written += more,
                            Ok(Ok(_)) => return "the connection was closed".to_owned(),
                            Ok(Err(error)) => return format!("the connection was ended: {error}"),
                        }
                    }
                    sent += batch.len();
                    if !self.repeats {
                        sleep(FULL).await;
                        hold.taken();
                        std::future::pending::<()>().await;
                    }
                }
                std::future::pending().await
            };
            let taking = async {
                let mut sip = [0; MOUTHFUL];
                if self.repeats {
                    // An end of the connection is seen by the requests that go on.
                    std::future::pending::<()>().await;
                }
                loop {
                    match answers.read(&mut sip).await {
                        Ok(0) => return "the connection was closed".to_owned(),
                        Ok(_) => sleep(SIP).await,
                        Err(error) => return format!("the connection was ended: {error}"),
                    }
                }
            };
            tokio::select! {
                lost = asking => lost,
                lost = taking => lost,
            }
        })
    }
}
