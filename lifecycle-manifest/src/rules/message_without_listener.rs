//! A message in place of the signal, to a program that has no ear for it.

use super::Context;
use crate::finding::{Edit, Finding, Fix, Place, Safety};
use crate::platform::Platform;

rule! {
    /// PM2 sends a message in place of the signal, and the program is none that hears it.
    ///
    /// ## What it finds
    ///
    /// `shutdown_with_message: true` under `pm2` with a `script` that is no program of Node's by its name.
    ///
    /// ## Why it matters
    ///
    /// The message goes through the channel that Node opens to its child processes, and no signal is sent at all.
    /// A program that does not read that channel goes on as if nothing had happened, until SIGKILL.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 5s }
    /// platforms:
    ///   pm2: { grace_period: 8s, script: ./shop, shutdown_with_message: true }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// Nothing: PM2 sends SIGINT then.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 5s }
    /// platforms:
    ///   pm2: { grace_period: 8s, script: ./shop }
    /// ```
    ///
    /// ## When to allow it
    ///
    /// When the program reads the file descriptor in `NODE_CHANNEL_FD`.
    ///
    /// ## Source
    ///
    /// PM2 7.0.3, `killProcess` of `lib/God/Methods.js`: the message is sent, and then the program is only waited for.
    pub(super) RULE = "LC432", "message-without-listener", Error, Medium, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let Some((line, pm2)) = context.on(Platform::pm2) else {
        return;
    };
    let Some(message) = pm2.shutdown_with_message.as_ref().filter(|it| it.value) else {
        return;
    };
    if pm2.is_node() {
        return;
    }
    let text = "PM2 sends no signal, only a message on a channel of Node's";
    let finding = Finding::new(&RULE, text, Place::Value(message.route.clone()))
        .on(line.platform())
        .label("the program does not hear it, and runs on until SIGKILL");
    let finding = match &pm2.script {
        Some(script) => finding.related(
            Place::Value(script.route.clone()),
            "no program of Node's, by its name",
        ),
        None => finding,
    };
    let entry = message.route.clone();
    findings.push(finding.fix_with(
        "take `shutdown_with_message` away: PM2 then sends its signal",
        Fix::new(Safety::Unsafe, [Edit::Remove { entry }]),
    ));
}
