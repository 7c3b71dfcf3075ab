//! `lifecycle serve`: a page of this machine's own, where the manifest is edited, its timeline seen
//! while it is, and a drill started and watched.
//!
//! The page shows what this program says: it computes nothing of its own. It writes the manifest when
//! asked to save, and nothing else. The program that a drill runs comes from the command line, never
//! from the page.

mod answer;
mod api;
mod document;
mod drilled;
mod files;
#[cfg(any(fuzzing, clippy))]
pub(crate) mod fuzz;
mod guard;
mod session;

use std::io::Write as _;
use std::net::Ipv4Addr;
use std::os::unix::process::CommandExt as _;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cli::ServeArgs;
use crate::talk::say;
use crate::{Outcome, input};
use api::Served;
use document::Document;
use drilled::Program;
use guard::Guard;

/// How long answers that are under way may take once this program was asked to end.
const ANSWERS: Duration = Duration::from_millis(500);
/// How long a drill may take to be rid of its process; it kills it at once.
const DRILLS: Duration = Duration::from_secs(6);

pub(crate) fn run(args: &ServeArgs) -> Result<Outcome> {
    let input = input::one(args.manifest.as_deref())?;
    let Some(path) = input.path.clone() else {
        bail!("standard input cannot be written back; name a file");
    };
    let document = Document::open(path, input.name.clone())?;
    let program = Program::new(args.command.clone(), &input);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("could not start the async runtime")?;
    let served = runtime.block_on(serve(args, document, program));
    // Connections that a browser keeps open go with it.
    runtime.shutdown_timeout(Duration::from_millis(100));
    served.map(|()| Outcome::Clean)
}

async fn serve(args: &ServeArgs, document: Document, program: Program) -> Result<()> {
    // From here on a signal ends this program in order, a drill's process first.
    let asked_to_end = asked_to_end()?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, args.port))
        .await
        .with_context(|| {
            format!(
                "could not listen on 127.0.0.1:{} (`--port` names another)",
                args.port
            )
        })?;
    let guard = Guard::new(listener.local_addr()?.port())?;
    let url = guard.url();
    let closing = CancellationToken::new();
    let served = Arc::new(Served {
        document: Mutex::new(document),
        program,
        session: Mutex::default(),
        drills: TaskTracker::new(),
        looking: Arc::new(Semaphore::new(1)),
        closing: closing.clone(),
    });
    let routes = api::routes(Arc::clone(&served), guard);
    let answering =
        axum::serve(listener, routes).with_graceful_shutdown(closing.clone().cancelled_owned());
    let mut answering = tokio::spawn(async move { answering.await });

    writeln!(crate::out::bytes(), "{url}")?;
    say!("serving on this machine alone; Ctrl-C ends it");
    let _door = args.open.then(|| open(&url)).transpose()?;

    tokio::select! {
        () = asked_to_end => {}
        ended = &mut answering => ended.context("the server broke off")?.context("the server broke off")?,
    }
    closing.cancel();
    served.drills.close();
    let drills = timeout(DRILLS, served.drills.wait()).await;
    // An answer that is still being written then is nobody's any more.
    let _cut = timeout(ANSWERS, answering).await;
    drills.context("a drill's process could not be ended: look for it with `ps`")
}

/// Resolves with SIGINT, SIGTERM or SIGHUP.
fn asked_to_end() -> Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    })
}

/// Opens the address in the browser, by way of a file that only this user can read: on a command line
/// every user of the machine could read the token.
fn open(url: &str) -> Result<tempfile::NamedTempFile> {
    let mut door = tempfile::Builder::new()
        .prefix("lifecycle-")
        .suffix(".html")
        .tempfile()?;
    write!(
        door,
        "<!doctype html><meta http-equiv=\"refresh\" content=\"0;url={url}\"><title>lifecycle</title>"
    )?;
    let opener = match cfg!(target_os = "macos") {
        true => "open",
        false => "xdg-open",
    };
    let started = std::process::Command::new(opener)
        .arg(door.path())
        // Ctrl-C is for this program, and not for the browser.
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    if let Err(error) = started {
        say!("note: could not run {opener} ({error}); open the address above");
    }
    Ok(door)
}
