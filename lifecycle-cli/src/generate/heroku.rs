//! Heroku: the `Procfile`, and the environment of an `app.json`; or a script that sets config vars.

use anyhow::Result;
use lifecycle_manifest::platform::Heroku;
use lifecycle_manifest::{Platform, Timeline};
use minijinja::Value;
use serde::Serialize;

use super::files::MARK;
use super::{Ask, Common, Sheet, Target, template};
use crate::talk::say;
use crate::template;

pub(super) static TARGET: Target = Target {
    name: "heroku",
    aliases: &[],
    key: "heroku",
    about: "Heroku: Procfile, app.json; --patch: a script that sets config vars",
    files,
    patch: Some(patch),
    names: |_| ["Procfile", "app.json"].map(str::to_owned).to_vec(),
};

#[derive(Serialize)]
struct Data<'a> {
    /// In a comment, and in a text of `app.json`, which has none.
    header: Value,
    description: String,
    plan: Value,
    #[serde(flatten)]
    common: Common<'a>,
    process_type: Value,
    /// As a shell reads it: the program in the shell's place, with what it is told.
    command: Value,
    app: Option<Value>,
    /// `NAME=value`, each one word of a shell.
    assignments: Vec<Value>,
}

fn files(ask: &Ask<'_>) -> Result<Vec<Sheet>> {
    let (heroku, line) = ask.platform("heroku", Platform::heroku)?;
    let data = data(ask, heroku, line, "heroku")?;
    if heroku.exec.is_none() {
        let service = data.common.service;
        say!("note: no `exec` under `platforms.heroku`: the Procfile starts ./bin/{service}");
    }
    if data.process_type.as_str() == Some("web") {
        say!("note: a web dyno listens on the port that `PORT` names, whatever the manifest says");
    }
    Ok(vec![
        Sheet::new("Procfile", template!("heroku/Procfile"), &data),
        Sheet::new("app.json", template!("heroku/app.json"), &data),
    ])
}

fn patch(ask: &Ask<'_>) -> Result<Vec<Sheet>> {
    let (heroku, line) = ask.platform("heroku", Platform::heroku)?;
    let data = data(ask, heroku, line, "heroku --patch")?;
    let template = template!("heroku/config-vars.sh");
    Ok(vec![Sheet::new("config-vars.sh", template, &data)])
}

fn data<'a>(ask: &Ask<'a>, heroku: &'a Heroku, line: &Timeline, command: &str) -> Result<Data<'a>> {
    let common = ask.common(line, None);
    let assignments: Vec<String> = common
        .environment
        .iter()
        .map(|variable| Ok(format!("{}={}", variable.name, word(&variable.value)?)))
        .collect::<Result<_>>()?;
    let program = format!("./bin/{}", common.service);
    let words: Vec<&str> = match &heroku.exec {
        Some(exec) => exec.words().collect(),
        None => vec![program.as_str()],
    };
    let words: Vec<String> = words.into_iter().map(word).collect::<Result<_>>()?;
    let header = format!("{MARK} {command} from lifecycle.yaml");
    let safe = |text: &String| Value::from_safe_string(text.clone());
    Ok(Data {
        header: template::comment(&header),
        description: header,
        plan: template::comment(common.digest),
        process_type: Value::from_safe_string(
            heroku.process_type(&ask.resolved.manifest).to_owned(),
        ),
        // `exec`, so that no shell stays between the dyno and the program; the variables travel with
        // the code, where config vars would be those of another release.
        command: Value::from_safe_string(format!(
            "exec env {} {}",
            assignments.join(" "),
            words.join(" ")
        )),
        app: heroku
            .app
            .as_ref()
            .map(|app| Value::from_safe_string(app.value.clone())),
        assignments: assignments.iter().map(safe).collect(),
        common,
    })
}

/// One word of a shell. A line break within it would end a Procfile's line.
fn word(text: &str) -> Result<String> {
    if text.contains('\0') {
        anyhow::bail!("a NUL character cannot be in a command");
    }
    let word = shell_words::quote(text);
    if word.contains(['\n', '\r']) {
        anyhow::bail!(
            "a command of a Procfile is one line, and `{}` has a line break in it",
            text.escape_debug()
        );
    }
    Ok(word.into_owned())
}
