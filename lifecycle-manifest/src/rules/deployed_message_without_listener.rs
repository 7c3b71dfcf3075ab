//! A deployed program that gets a message in place of the signal, and is none that hears it.

#[cfg(feature = "deployed")]
use crate::{
    deployed::View,
    finding::{Finding, Place, Side},
};

rule! {
    /// PM2 is told to send a message in place of the signal to a program that is none of Node's.
    ///
    /// ## What it finds
    ///
    /// A deployed `shutdown_with_message: true` beside a `script` that is no program of Node's by its name.
    ///
    /// ## Why it matters
    ///
    /// No signal is sent at all, and the message goes through a channel that only Node's programs read: the program runs on until SIGKILL.
    ///
    /// ## Example
    ///
    /// ```yaml deployed
    /// apps: [{ name: shop, script: ./shop, kill_timeout: 8000, shutdown_with_message: true }]
    /// ```
    ///
    /// ## What to write instead
    ///
    /// Nothing: PM2 sends SIGINT then.
    ///
    /// ```yaml deployed
    /// apps: [{ name: shop, script: ./shop, kill_timeout: 8000 }]
    /// ```
    ///
    /// ## When to allow it
    ///
    /// When the program reads the file descriptor in `NODE_CHANNEL_FD`.
    ///
    /// ## Source
    ///
    /// PM2 7.0.3, `killProcess` of `lib/God/Methods.js`.
    pub(super) RULE = "LC832", "deployed-message-without-listener", Error, Medium
}

#[cfg(feature = "deployed")]
pub(super) fn check(view: &View<'_>, findings: &mut Vec<Finding>) {
    for (seen, app) in view.apps() {
        let (Some(message), Some(script)) = (&app.shutdown_with_message, &app.script) else {
            continue;
        };
        if !message.value || app.is_node() {
            continue;
        }
        let text = format!(
            "PM2 sends {} no signal, only a message on a channel of Node's",
            seen.workload.title()
        );
        findings.push(
            seen.finding(&RULE, text, Place::Value(message.route.clone()))
                .label("the program does not hear it, and runs on until SIGKILL")
                .related_in(
                    Side::Deployed(seen.file),
                    Place::Value(script.route.clone()),
                    "no program of Node's, by its name",
                )
                .help("take `shutdown_with_message` away: PM2 then sends its signal"),
        );
    }
}
