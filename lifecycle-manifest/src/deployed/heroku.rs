//! Heroku: the `Procfile`, and the environment of an `app.json`.

use super::read::At;
use super::reader::Reader;
use super::syntax::procfile::KEY;
use super::{Container, Deployed, Variable, Workload};
use crate::manifest::Written;
use crate::text::Value;

pub(super) static READER: Reader = Reader {
    platform: "heroku",
    generate: "lifecycle gen heroku",
    grace_key: "grace_period",
    write_grace: |_| String::new(),
    outside_keys: &[],
    write_port: None,
    object,
    // There is none to write.
    grace: |_, _, _| None,
};

/// The kind of an `app.json`: its environment is that of every process type.
pub(super) const APPLICATION: &str = "application";

fn object(at: &At<'_>, deployed: &mut Deployed) -> bool {
    if let Some(types) = at.get(KEY) {
        procfile(&types, deployed);
        return true;
    }
    let is_named = deployed.name.rsplit('/').next() == Some("app.json");
    if !is_named || at.get("env").is_none() {
        return false;
    }
    app_json(at, deployed);
    true
}

fn procfile(types: &At<'_>, deployed: &mut Deployed) {
    let Value::Mapping(entries) = &types.node.value else {
        return;
    };
    for entry in entries {
        let Some(command) = types.text(&entry.key) else {
            continue;
        };
        // A command that is run once at a release is no process that is stopped.
        if entry.key == "release" {
            continue;
        }
        let (environment, words) = shell_words(&command);
        let name = Written {
            value: entry.key.clone(),
            route: command.route.clone(),
        };
        let mut workload = Workload::at("heroku", "process type", command.route.clone());
        workload.name = Some(name.clone());
        let mut container = Container::at(command.route.clone());
        container.name = Some(name);
        container.environment = environment;
        let mut words = words.into_iter();
        container.entry.extend(words.next());
        container.args.extend(words);
        workload.containers.push(container);
        deployed.workloads.push(workload);
    }
}

/// The variables before a program, and the words of its command: `exec env A=1 ./shop --x`. Quotes are
/// resolved; what a shell would put in the place of a variable is not known.
fn shell_words(command: &Written<String>) -> (Vec<Variable>, Vec<Written<String>>) {
    let here = |text: &str| Written {
        value: text.to_owned(),
        route: command.route.clone(),
    };
    // What a shell cannot read is no command, and says nothing.
    let words = shell_words::split(&command.value).unwrap_or_default();
    let mut words = words.iter().map(String::as_str).peekable();
    let mut environment = Vec::new();
    while let Some(word) = words.peek() {
        let variable = word.split_once('=').filter(|(name, _)| {
            let known = |c: char| c.is_ascii_alphanumeric() || c == '_';
            !name.is_empty() && name.chars().all(known)
        });
        match variable {
            Some((name, value)) => environment.push(Variable {
                name: here(name),
                value: (!value.contains('$')).then(|| here(value)),
            }),
            None if matches!(*word, "exec" | "env") => {}
            None => break,
        }
        words.next();
    }
    (environment, words.map(here).collect())
}

/// `env: { NAME: { value: … } }`, or the value itself.
fn app_json(at: &At<'_>, deployed: &mut Deployed) {
    let Some(env) = at.get("env") else {
        return;
    };
    let Value::Mapping(entries) = &env.node.value else {
        return;
    };
    let mut container = Container::at(env.route.clone());
    for entry in entries {
        let Some(variable) = env.get(&entry.key) else {
            continue;
        };
        let value = variable.scalar().or_else(|| variable.text("value"));
        container.environment.push(Variable {
            name: variable.written(entry.key.clone()),
            value,
        });
    }
    let mut workload = Workload::at("heroku", APPLICATION, at.route.clone());
    workload.name = at.text("name");
    container.name.clone_from(&workload.name);
    workload.containers.push(container);
    deployed.workloads.push(workload);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Route;

    #[test]
    fn variables_and_exec_are_told_from_the_program() {
        for (command, variables, words) in [
            ("./shop exec A=1", &[][..], &["./shop", "exec", "A=1"][..]),
            (
                "A_1='x y' exec env B= C=$PORT ./shop",
                &["A_1=x y", "B=", "C"],
                &["./shop"],
            ),
            ("./v=1/shop --x", &[], &["./v=1/shop", "--x"]),
            ("=1 ./shop", &[], &["=1", "./shop"]),
            ("./shop 'never closed", &[], &[]),
        ] {
            let (environment, rest) = shell_words(&Written {
                value: command.to_owned(),
                route: Route::root(),
            });
            let shown = |variable: &Variable| match &variable.value {
                Some(value) => format!("{}={}", variable.name.value, value.value),
                None => variable.name.value.clone(),
            };
            let environment: Vec<String> = environment.iter().map(shown).collect();
            let rest: Vec<&str> = rest.iter().map(|word| word.value.as_str()).collect();
            assert_eq!(
                (environment, rest),
                (own(variables), words.to_vec()),
                "{command}"
            );
        }
    }

    fn own(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }
}
