//! Between those who say something and those who hear it: one task, which numbers what is said, writes
//! it down and passes it on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use lifecycle::Stopping;
use serde::Serialize;
use tokio::sync::{broadcast, mpsc};

use crate::log::Log;

/// Something said, as a line of JSON.
pub(crate) type Line = Arc<str>;

/// How much a listener may lag behind before it misses something.
const BEHIND: usize = 256;
/// How much may wait to be written down before speakers wait, too.
const WAITING: usize = 1024;

/// What somebody says.
#[derive(Debug)]
pub(crate) struct Said {
    room: String,
    from: String,
    text: String,
}

#[derive(Serialize)]
struct Numbered<'a> {
    id: u64,
    room: &'a str,
    from: &'a str,
    text: &'a str,
}

/// The rooms, and who listens in them.
#[derive(Clone)]
pub(crate) struct House {
    said: mpsc::Sender<Said>,
    all: broadcast::Sender<Line>,
    rooms: Arc<Mutex<HashMap<String, broadcast::Sender<Line>>>>,
}

impl House {
    /// Nobody is there yet. What is said comes out at the other end.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Said>) {
        let (said, heard) = mpsc::channel(WAITING);
        let house = Self {
            said,
            all: broadcast::Sender::new(BEHIND),
            rooms: Arc::default(),
        };
        (house, heard)
    }

    /// Says `text` in `room`. Once this returns, it will be written down.
    pub(crate) async fn say(&self, room: &str, from: &str, text: &str) {
        let said = Said {
            room: room.to_owned(),
            from: from.to_owned(),
            text: text.to_owned(),
        };
        // The task that listens ends after the last session.
        let _ = self.said.send(said).await;
    }

    /// What is said in `room` from now on.
    pub(crate) fn join(&self, room: &str) -> broadcast::Receiver<Line> {
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        let room = rooms.entry(room.to_owned());
        room.or_insert_with(|| broadcast::Sender::new(BEHIND))
            .subscribe()
    }

    /// Somebody has left `room`; an empty one is forgotten.
    pub(crate) fn leave(&self, room: &str) {
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        if rooms.get(room).is_some_and(|it| it.receiver_count() == 0) {
            rooms.remove(room);
        }
    }

    /// What is said in any room from now on.
    pub(crate) fn listen(&self) -> broadcast::Receiver<Line> {
        self.all.subscribe()
    }

    /// Where nobody listens, nobody misses it.
    fn pass_on(&self, room: &str, line: &Line) {
        let _ = self.all.send(Arc::clone(line));
        let rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(room) = rooms.get(room) {
            let _ = room.send(Arc::clone(line));
        }
    }
}

/// Runs until the service stops and everything that was said is written down and passed on.
pub(crate) async fn run(
    stopping: Stopping,
    mut said: mpsc::Receiver<Said>,
    house: House,
    log: Log,
) -> Result<()> {
    let mut id = 0;
    loop {
        let said = tokio::select! {
            biased;
            said = said.recv() => said,
            // Nobody is left by now who could say something.
            () = stopping.requested() => None,
        };
        let Some(Said { room, from, text }) = said else {
            return Ok(());
        };
        id += 1;
        let (room, from, text) = (&*room, &*from, &*text);
        let line: Line = serde_json::to_string(&Numbered {
            id,
            room,
            from,
            text,
        })?
        .into();
        log.write(&line).await?;
        house.pass_on(room, &line);
    }
}
