//! Heroku: a process type of a Procfile, or an `app.json`.

use super::super::draft::Draft;
use super::super::shown::{Line, Other, Shown};
use super::super::write::list;
use super::{Chosen, Slot, Source, guess};
use crate::template::quote;

pub(in super::super) static SHOWN: Shown = Shown {
    key: "heroku",
    always: false,
    grace: None,
    lines: &[
        Line {
            about: "Heroku gives every process 30s, and there is no grace period to set. The process type:",
            key: "process_type",
            example: "web",
        },
        Line {
            about: "The program and its arguments, and the application's name for `heroku config:set`.",
            key: "exec",
            example: "[./bin/my-service, --verbose]",
        },
        Line {
            about: "",
            key: "app",
            example: "my-service",
        },
    ],
    describe: Some(describe),
};

fn describe(draft: &mut Draft, chosen: Chosen<'_>, _: &[Source]) {
    let Chosen { source, workload } = chosen;
    let mut entry = Other::new("heroku");
    if let Some(container) = workload.containers.first() {
        let words = container.entry.iter().chain(&container.args);
        let words: Vec<&str> = words.map(|word| word.value.as_str()).collect();
        // What a shell would put in a word's place, or make of several, is not the program's word.
        let is_plain = |word: &&str| !word.contains(['\0', '$', '`', '|', '&', ';', '<', '>']);
        let is_path = words.first().is_some_and(|program| {
            !program.ends_with('/') && !program.contains(char::is_whitespace)
        });
        if is_path && words.iter().all(is_plain) {
            let exec = list(&words, |word| quote(word));
            entry.values.push(("exec", Slot::of(exec)));
        }
        guess::others(draft, source, container);
    }
    if workload.kind == "process type"
        && let Some(name) = &workload.name
    {
        entry
            .values
            .push(("process_type", Slot::of(quote(&name.value))));
    }
    guess::something(draft, source);
    draft.others.push(entry);
}
