//! Waiting until the target is up, and remembering what was seen meanwhile, for whoever waits in vain.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;

use super::running::Running;
use crate::probe;
use crate::script::{Endpoint, Target};
use crate::traffic::client;

/// Between two looks at whether the process is up.
const LOOK: Duration = Duration::from_millis(10);
/// An answer that takes longer is none.
const LIMIT: Duration = Duration::from_secs(1);

/// What was waited for in vain.
///
/// ```
/// use lifecycle_drill::target::ready::Waited;
///
/// let waited = Waited {
///     awaited: "127.0.0.1:8080 to take connections".to_owned(),
///     last: "Connection refused".to_owned(),
///     listens: vec!["0.0.0.0:3000".to_owned()],
/// };
/// // It came up, at another port.
/// assert!(waited.words().ends_with("it listens on 0.0.0.0:3000"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Waited {
    /// For what: `GET http://127.0.0.1:8080/ready to answer 2xx or 3xx`.
    pub awaited: String,
    /// What was seen last: `it answered 503`.
    pub last: String,
    /// Where the process took connections when the time was over: `0.0.0.0:3000`.
    pub listens: Vec<String>,
}

impl Waited {
    /// The wait as the end of a sentence: `waited for …, and saw last: …; it listens on …`.
    ///
    /// ```
    /// use lifecycle_drill::target::ready::Waited;
    ///
    /// let waited = Waited {
    ///     awaited: "GET http://127.0.0.1:8080/ready to answer 2xx or 3xx".to_owned(),
    ///     last: "it answered 503".to_owned(),
    ///     listens: Vec::new(),
    /// };
    /// assert_eq!(
    ///     waited.words(),
    ///     "waited for GET http://127.0.0.1:8080/ready to answer 2xx or 3xx, \
    ///      and saw last: it answered 503; it listens nowhere",
    /// );
    /// ```
    pub fn words(&self) -> String {
        let mut words = format!("waited for {}, and saw last: {}", self.awaited, self.last);
        match self.listens.as_slice() {
            [] => words.push_str("; it listens nowhere"),
            some => {
                words.push_str("; it listens on ");
                words.push_str(&some.join(", "));
            }
        }
        words
    }
}

/// What is being waited for, and what was seen of it last.
#[derive(Default)]
pub(crate) struct Waiting {
    now: Mutex<(String, String)>,
}

impl Waiting {
    fn awaits(&self, what: String, seen: &str) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = (what, seen.to_owned());
    }

    fn saw(&self, what: String) {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).1 = what;
    }

    /// The wait, told now that it was in vain.
    pub(crate) fn in_vain(&self, running: &Running) -> Waited {
        let now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let (awaited, last) = now.clone();
        let listens = running.listening();
        Waited {
            awaited,
            last,
            listens: listens
                .iter()
                .map(|it| std::net::SocketAddr::new(it.address, it.port).to_string())
                .collect(),
        }
    }
}

/// Waits until the readiness probe says yes and the address accepts connections, as far as each is
/// known; the target comes back with the addresses it really has.
pub(crate) async fn until_up(
    running: &Running,
    target: &Target,
    waiting: &Waiting,
) -> anyhow::Result<Target> {
    waiting.awaits(
        "a port to be opened".to_owned(),
        "none of its processes takes connections",
    );
    let target = running.located(target).await?;
    if let Some(endpoint) = &target.ready {
        answers(endpoint, waiting).await?;
    }
    if let Some(base) = &target.base {
        let address = base.address();
        waiting.awaits(format!("{address} to take connections"), "nothing yet");
        while let Err(error) = TcpStream::connect(address).await {
            waiting.saw(error.to_string());
            tokio::time::sleep(LOOK).await;
        }
    }
    Ok(target)
}

async fn answers(endpoint: &Endpoint, waiting: &Waiting) -> anyhow::Result<()> {
    let template = probe::template(endpoint)?;
    waiting.awaits(
        format!("GET {} to answer 2xx or 3xx", endpoint.url()),
        "nothing yet",
    );
    loop {
        match client::probe(&template, endpoint.address(), LIMIT).await {
            Some(200..=399) => return Ok(()),
            Some(status) => waiting.saw(format!("it answered {status}")),
            None => match TcpStream::connect(endpoint.address()).await {
                Ok(_) => waiting.saw("a connection, and no HTTP answer within a second".to_owned()),
                Err(error) => waiting.saw(error.to_string()),
            },
        }
        tokio::time::sleep(LOOK).await;
    }
}
