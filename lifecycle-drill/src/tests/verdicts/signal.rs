//! Whether the signal came to the program, and what the program does with it.

use super::*;

#[test]
fn a_shell_in_front_of_a_program_that_outlives_it() {
    let mut measured = clean();
    let program = seen("node server.js", Role::Program, Reaction::Handles);
    let shell = seen("sh -c node server.js", Role::Shell, Reaction::Default);
    measured.process.signalled = Some(Signalled {
        descendants: vec![program.clone()],
        descendants_in_all: 1,
        ..one(shell.clone())
    });
    ended(&mut measured, 1.0, Status::Signal(TERM));
    measured.process.left_behind = Some(1);
    says(
        &only(&measured, "shell-first"),
        &[
            "SIGTERM was never seen by your program: the first process is `sh -c node server.js`",
            "left `node server.js` running",
            "has a handler that never ran",
            "exec form",
        ],
    );

    // As PID 1 of a container it does not even end.
    killed(&mut measured);
    let first = Seen {
        first: true,
        ..shell.clone()
    };
    measured.process.signalled = Some(Signalled {
        descendants: vec![program.clone()],
        descendants_in_all: 1,
        ..one(first)
    });
    assert_eq!(names(&measured), ["shell-first", "sigkill-needed"]);

    // A trap that passes the signal on is no fault, and neither is a platform that signals everybody.
    let mut measured = clean();
    let trap = seen("bash run.sh", Role::Shell, Reaction::Handles);
    measured.process.signalled = Some(Signalled {
        descendants: vec![program.clone()],
        descendants_in_all: 1,
        ..one(trap)
    });
    assert_eq!(names(&measured), [""; 0]);
    measured.process.signalled = Some(Signalled {
        descendants: vec![program],
        descendants_in_all: 1,
        everyone: true,
        ..one(shell)
    });
    assert_eq!(names(&measured), [""; 0]);
}

#[test]
fn a_package_runner_is_a_warning_while_it_works() {
    let mut measured = clean();
    let npm = seen("npm start", Role::PackageRunner, Reaction::Handles);
    let shell = Seen {
        pid: 11,
        parent: 10,
        ..seen("sh -c node x", Role::Shell, Reaction::Default)
    };
    let program = Seen {
        pid: 12,
        parent: 11,
        ..seen("node x", Role::Program, Reaction::Handles)
    };
    measured.process.signalled = Some(Signalled {
        descendants: vec![shell, program],
        descendants_in_all: 2,
        ..one(npm)
    });
    says(
        &only(&measured, "package-runner-first"),
        &["this time the signal came through"],
    );
    measured.process.left_behind = Some(1);
    ended(&mut measured, 3.0, Status::Signal(TERM));
    says(
        &only(&measured, "package-runner-first"),
        &[
            "did not end your program",
            "the shell ends without passing it on",
        ],
    );
}

#[test]
fn a_missing_handler_is_told_from_one_that_ends_itself_by_the_signal() {
    let mut measured = clean();
    ended(&mut measured, 1.0, Status::Signal(TERM));
    says(
        &only(&measured, "exit-not-zero"),
        &["it has a handler for the signal, and then ends itself by the same signal"],
    );
    let react = |measured: &mut Measured, reaction| {
        measured.process.signalled = Some(one(seen("shop", Role::Program, reaction)));
    };
    react(&mut measured, Reaction::Default);
    says(
        &only(&measured, "signal-not-handled"),
        &["the program has no handler for SIGTERM: the system ended it at +1ms"],
    );
    // However long the system takes to take it down, what it had goes with it.
    let mut slowly = measured.clone();
    ended(&mut slowly, 40.0, Status::Signal(TERM));
    slowly.requests = Some(lost(Lost::Closed, -90.0, 8.0));
    let findings = verdict::findings(&slowly, Duration::ZERO);
    says(&findings[1].cause, &["under way when the process left"]);
    // Where nobody looked, both are possible, and both are said.
    measured.process.signalled = None;
    says(
        &only(&measured, "signal-not-handled"),
        &[
            "either no handler",
            "or its handler ends it in the same way",
        ],
    );
    measured.expected.exit_code = 143;
    assert_eq!(names(&measured), [""; 0]);

    let mut measured = clean();
    killed(&mut measured);
    react(&mut measured, Reaction::Ignores);
    assert_eq!(names(&measured), ["signal-not-handled", "sigkill-needed"]);
}
