//! Which container engine answers.

use anyhow::bail;

use crate::target::tool::Tool;

/// In the order in which they are asked.
const ENGINES: [&str; 2] = ["docker", "podman"];
/// What an engine that is there answers.
const ASKED: &[&str] = &["version"];

/// The engine that answers: Docker, else Podman.
///
/// Errors: neither does; says what each said.
pub(in crate::target) async fn engine(mark: &str) -> anyhow::Result<Tool> {
    let mut silent = Silent::default();
    for program in ENGINES {
        let tool = Tool::new(&[program], mark);
        match tool.ask(ASKED).await {
            Ok(_) => return Ok(tool),
            Err(why) => silent.says(&why),
        }
    }
    silent.all()
}

/// The same without leaving the thread.
pub(in crate::target) fn engine_now(mark: &str) -> anyhow::Result<Tool> {
    let mut silent = Silent::default();
    for program in ENGINES {
        let tool = Tool::new(&[program], mark);
        match tool.now(ASKED) {
            Ok(_) => return Ok(tool),
            Err(why) => silent.says(&why),
        }
    }
    silent.all()
}

/// Why each engine that was asked does not answer.
#[derive(Default)]
struct Silent(Vec<String>);

impl Silent {
    fn says(&mut self, why: &anyhow::Error) {
        self.0.push(format!("{why:#}"));
    }

    fn all(self) -> anyhow::Result<Tool> {
        bail!("no container engine answers; {}", self.0.join("; "))
    }
}
