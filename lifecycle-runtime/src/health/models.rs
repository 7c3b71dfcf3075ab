//! Who asks for a sign of life, beside who answers: see [`crate::sync`].

use std::sync::Arc;

use loom::future::block_on;
use loom::thread;

use super::pulse::Beat;
use crate::sync::check;

#[test]
fn a_question_that_is_answered_is_seen_to_be() {
    check(|| {
        let beat = Arc::new(Beat::default());
        let task = thread::spawn({
            let beat = Arc::clone(&beat);
            move || {
                beat.answer();
                block_on(beat.asked());
                beat.answer();
            }
        });
        beat.ask();
        task.join().unwrap();
        assert!(beat.ask(), "a runtime that answers is alive");
    });
}

#[test]
fn a_runtime_that_answers_no_more_is_silent() {
    check(|| {
        let beat = Arc::new(Beat::default());
        let task = thread::spawn({
            let beat = Arc::clone(&beat);
            move || beat.answer()
        });
        beat.ask();
        task.join().unwrap();
        beat.ask();
        assert!(!beat.ask(), "nobody was there any more");
    });
}
