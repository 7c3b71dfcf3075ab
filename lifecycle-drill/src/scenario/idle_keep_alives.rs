//! Kept-alive connections at rest, as every pool and every balancer holds them.

use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::additions::Aside;
use super::clients::{self, Client, Hold, Losing};
use super::judgement::Judgement;
use super::{Asks, No, Scenario, Scene};
use crate::script::RequestSpec;

const CLIENTS: usize = 64;
/// An answer that is followed by nothing for so long has come to its end.
const AT_REST: Duration = Duration::from_millis(150);
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(10);

pub(super) static SCENARIO: Scenario = Scenario {
    name: "idle-keep-alives",
    about: "64 kept-alive connections are at rest, and their clients do not close them",
    asks: Asks::Http,
    passes: "it closes them itself: nothing is lost, exit code 0, in time",
    argument: None,
    arrange,
    judge,
};

fn arrange(scene: &mut Scene) -> Result<(), No> {
    let request = scene.plain_request();
    scene.client(Idle { request })
}

fn judge(_: &Scene, aside: &Aside, judgement: &mut Judgement<'_>) -> Result<(), No> {
    judgement.held(aside, "had their answer and kept the connection")?;
    judgement.held_up_because(
        "the server waits until every connection is closed by its client: close those at rest once the stop \
         was asked",
    );
    Ok(())
}

struct Idle {
    request: RequestSpec,
}

impl Client for Idle {
    fn connections(&self) -> usize {
        CLIENTS
    }

    fn hold<'a>(
        &'a self,
        mut stream: TcpStream,
        authority: &'a str,
        hold: &'a Hold<'a>,
    ) -> Losing<'a> {
        Box::pin(async move {
            let request = super::whole(&self.request, authority);
            if let Err(lost) = clients::write(&mut stream, &request).await {
                return lost;
            }
            let mut patience = ANSWER;
            let mut chunk = [0; 4_096];
            loop {
                match timeout(patience, stream.read(&mut chunk)).await {
                    Ok(Ok(0)) => return "the connection was closed after the answer".to_owned(),
                    Ok(Ok(_)) => patience = AT_REST,
                    Ok(Err(error)) => return format!("the connection was ended: {error}"),
                    Err(_) if patience == ANSWER => return "there was no answer".to_owned(),
                    Err(_) => break,
                }
            }
            hold.taken();
            clients::lost(&mut stream).await
        })
    }
}
