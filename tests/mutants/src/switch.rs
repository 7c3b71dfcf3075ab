
/// Whether the mutant of this number is the one that `MUTANT` names. Where `MUTANTS_REACHED` names a file, the
/// number is written there when it is asked for the first time.
#[doc(hidden)]
#[allow(clippy::all, clippy::pedantic, clippy::restriction)]
pub(crate) fn mutant(number: u32) -> bool {
    use std::io::Write as _;
    use std::sync::{Mutex, OnceLock};
    type Reached = Option<Mutex<(std::collections::BTreeSet<u32>, std::fs::File)>>;
    static ON: OnceLock<(u32, Reached)> = OnceLock::new();
    let (on, reached) = ON.get_or_init(|| {
        let on = std::env::var("MUTANT").ok().and_then(|on| on.parse().ok()).unwrap_or(0);
        let file = std::env::var_os("MUTANTS_REACHED").map(|path| {
            let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
            Mutex::new((std::collections::BTreeSet::new(), file.expect("the file of what is reached opens")))
        });
        (on, file)
    });
    if let Some(reached) = reached {
        let mut reached = reached.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if reached.0.insert(number) {
            let line = format!("{number}\n");
            reached.1.write_all(line.as_bytes()).expect("what is reached is written");
        }
    }
    *on == number
}
