//! Clients that send the head of a request byte by byte and never end it.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::sleep;

use super::additions::Aside;
use super::clients::{self, Client, Hold, Losing};
use super::judgement::Judgement;
use super::{Asks, No, Scenario, Scene};
use crate::script::RequestSpec;

const CLIENTS: usize = 16;
/// Between two headers.
const DRIP: Duration = Duration::from_millis(250);

pub(super) static SCENARIO: Scenario = Scenario {
    name: "slow-loris",
    about: "16 clients send the head of a request line by line, and never come to its end",
    asks: Asks::Http,
    passes: "it does not wait for them: nothing else is lost, exit code 0, in time",
    argument: None,
    arrange,
    judge,
};

fn arrange(scene: &mut Scene) -> Result<(), No> {
    let request = scene.plain_request();
    scene.client(Loris { request })
}

fn judge(_: &Scene, aside: &Aside, judgement: &mut Judgement<'_>) -> Result<(), No> {
    judgement.held(aside, "began a request and did not end it")?;
    judgement.held_up_because(
        "a connection with half a request counts as work, or as one that must close by itself: bound how \
         long a head may take, once the stop was asked above all",
    );
    Ok(())
}

struct Loris {
    request: RequestSpec,
}

impl Client for Loris {
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
            let head = super::head(&self.request, authority);
            if let Err(lost) = clients::write(&mut stream, &head).await {
                return lost;
            }
            for line in 0_u64.. {
                tokio::select! {
                    lost = clients::lost(&mut stream) => return lost,
                    () = sleep(DRIP) => {}
                }
                hold.taken();
                let drip = format!("x-drip-{line}: 1\r\n");
                if let Err(lost) = clients::write(&mut stream, drip.as_bytes()).await {
                    return lost;
                }
            }
            "it came to its end".to_owned()
        })
    }
}
