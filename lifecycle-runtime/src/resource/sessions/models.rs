//! Sessions that come and go beside the step that tells them to: see [`crate::sync`].

use std::sync::Arc;
use std::time::Duration;

use loom::future::block_on;
use loom::thread;

use super::hall::Hall;
use crate::sync::check;

#[test]
fn a_session_hears_that_it_is_to_leave_and_its_end_is_noticed() {
    check(|| {
        let hall = Arc::new(Hall::default());
        let presence = hall.enter(&"session").unwrap();
        let session = thread::spawn(move || {
            block_on(presence.seat.told());
            drop(presence);
        });
        block_on(hall.stop(Duration::ZERO)).unwrap();
        assert_eq!(hall.active().count, 0);
        session.join().unwrap();
    });
}

#[test]
fn a_session_that_comes_late_is_refused_or_waited_for() {
    check(|| {
        let hall = Arc::new(Hall::default());
        let client = thread::spawn({
            let hall = Arc::clone(&hall);
            move || {
                if let Ok(presence) = hall.enter(&"session") {
                    block_on(presence.seat.told());
                }
            }
        });
        block_on(hall.stop(Duration::ZERO)).unwrap();
        assert_eq!(hall.active().count, 0);
        client.join().unwrap();
    });
}
