//! A request that never comes to its end: its client has sent half of the body, and no more.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::sleep;

use super::additions::Aside;
use super::clients::{self, Client, Hold, Losing};
use super::judgement::Judgement;
use super::{Asks, No, Scenario, Scene};
use crate::script::RequestSpec;

/// So long as the body is said to be; half of it is sent at most.
const BODY: usize = 4_096;
/// A program that takes a request on has not answered by then.
const TAKEN: Duration = Duration::from_millis(200);

pub(super) static SCENARIO: Scenario = Scenario {
    name: "stuck-request",
    about: "a request is under way whose body never comes to its end",
    asks: Asks::Http,
    passes: "it gives that one up in time and leaves by itself; every other request is answered",
    argument: Some("PATH"),
    arrange,
    judge,
};

fn arrange(scene: &mut Scene) -> Result<(), No> {
    let all = scene.load.requests.iter().chain(&scene.load.slow);
    let with_body = |spec: &&RequestSpec| {
        !spec.body.is_empty() || matches!(spec.method.as_str(), "POST" | "PUT" | "PATCH")
    };
    let written = all.clone().find(with_body).or_else(|| all.clone().next());
    let mut spec = match (&scene.argument, written) {
        (Some(path), Some(spec)) if spec.path == *path => spec.clone(),
        (Some(path), _) => RequestSpec::get(path.clone()),
        (None, Some(spec)) => spec.clone(),
        (None, None) => RequestSpec::get("/"),
    };
    if !with_body(&&spec) {
        "POST".clone_into(&mut spec.method);
    }
    scene.client(Stuck { spec })
}

fn judge(_: &Scene, aside: &Aside, judgement: &mut Judgement<'_>) -> Result<(), No> {
    judgement.held(aside, "was under way with half its body")?;
    judgement.excuse_abandoned();
    judgement.held_up_because(
        "the shutdown waits for every request without a limit: give the drain a timeout, after which what is \
         left is cut",
    );
    Ok(())
}

struct Stuck {
    spec: RequestSpec,
}

impl Client for Stuck {
    fn connections(&self) -> usize {
        1
    }

    fn hold<'a>(
        &'a self,
        mut stream: TcpStream,
        authority: &'a str,
        hold: &'a Hold<'a>,
    ) -> Losing<'a> {
        Box::pin(async move {
            let mut start = super::head(&self.spec, authority);
            start.extend(format!("content-length: {BODY}\r\n\r\n").bytes());
            let body = &self.spec.body[..self.spec.body.len().min(BODY) / 2];
            start.extend(if body.is_empty() { b"{" } else { body });
            if let Err(lost) = clients::write(&mut stream, &start).await {
                return lost;
            }
            tokio::select! {
                lost = clients::lost(&mut stream) => return lost,
                () = sleep(TAKEN) => hold.taken(),
            }
            clients::lost(&mut stream).await
        })
    }
}
