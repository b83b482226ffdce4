//! `cargo xtask soak --flips`: revisions that allow and deny in turn while the gateway is loaded.
//!
//! What must hold (security case 86): each answer is what the revision says that its own record names, and no
//! revision says two things. A guard on everything comes and goes ten times a second, among a thousand policies over a
//! thousand operations; how many revisions come of it is for the gateway to say, which compiles each whole.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;

use crate::args::Args;
use crate::bench::{
    Answered, Connection, Directory, Folder, Request, Scenario, Size, Subject, Under, Upstream, binary,
};
use crate::{clock, shell, system};

const SECONDS: u64 = 30;
const CONNECTIONS: usize = 8;
/// How often the guard comes or goes.
const EVERY: Duration = Duration::from_millis(100);
/// As many changes of mind as make the rest worth saying.
const REVISIONS_MIN: usize = 10;

const SIZE: Size =
    Size { keys: 100, applications: 10, teams: 5, apis: 2, operations: 1_000, policies: 1_000 };

const GUARD: &str =
    "@id(\"flip\") @owner(\"bench-team\") @reason(\"measured\")\nforbid (principal, action, resource);\n";
const NONE: &str = "// the guard is away\n";

/// A `decided` entry of the log, as `audit export --json` prints it.
#[derive(Debug, Deserialize)]
struct Entry {
    kind: String,
    #[serde(default)]
    id: String,
    #[serde(default)]
    verdict: String,
    #[serde(default)]
    revision: u64,
}

/// The command.
pub(super) fn run(mut args: Args) -> anyhow::Result<()> {
    let seconds = args.value::<u64>("--seconds")?.unwrap_or(SECONDS);
    args.finish()?;
    system::ensure_programs()?;
    shell::run(&mut shell::cargo(&["build", "--release", "--locked", "--package", "sallyport"])?)?;
    let (binary, upstream, folder) = (binary()?, Upstream::start()?, Folder::new("flips")?);
    let directory = Directory::make(&binary, &folder, Scenario::WholePath, SIZE, upstream.address)?;
    let requests = Scenario::WholePath.requests(&directory);
    let mut subject = Subject::gateway(&binary, &directory, folder.path(), Under::Nothing)?;
    let answers = flip(&subject, &requests, &directory.policy("flip"), Duration::from_secs(seconds))?;
    subject.process.stop().context("the gateway does not end")?;
    let entries = directory.run(&binary, &["audit", "export"])?;
    let counted = compare(&answers, &entries)?;
    println!(
        "flips: {} answers under {} revisions that allow and {} that deny, each as its record says",
        answers.len(),
        counted.allowing,
        counted.denying
    );
    Ok(())
}

/// Loads the gateway while the guard comes and goes; gives every answer by its decision id.
fn flip(
    subject: &Subject,
    requests: &[Request],
    policy: &Path,
    time: Duration,
) -> anyhow::Result<BTreeMap<String, u16>> {
    let over = AtomicBool::new(false);
    let answers = Mutex::new(BTreeMap::new());
    let caller = |first: usize| -> anyhow::Result<()> {
        let mut connection = Connection::open(subject.address)?;
        for request in requests.iter().cycle().skip(first) {
            if over.load(Ordering::Relaxed) {
                return Ok(());
            }
            let Answered { status, id } = connection.ask(request)?;
            let mut answers = answers.lock().map_err(|_| anyhow::anyhow!("a caller panicked"))?;
            anyhow::ensure!(answers.insert(id.clone(), status).is_none(), "two answers have the id {id}");
        }
        Ok(())
    };
    std::thread::scope(|scope| -> anyhow::Result<()> {
        let callers: Vec<_> = (0..CONNECTIONS).map(|first| scope.spawn(move || caller(first * 97))).collect();
        let start = clock::now();
        let mut present = false;
        let mut flipped = Ok(());
        while start.elapsed() < time && flipped.is_ok() && callers.iter().all(|caller| !caller.is_finished())
        {
            present = !present;
            flipped = replace(policy, if present { GUARD } else { NONE });
            clock::pause(EVERY);
        }
        over.store(true, Ordering::Relaxed);
        for caller in callers {
            caller.join().map_err(|_| anyhow::anyhow!("a caller panicked"))??;
        }
        flipped
    })?;
    answers.into_inner().map_err(|_| anyhow::anyhow!("a caller panicked"))
}

/// Replaces a file whole, as editors do.
fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut next = PathBuf::from(path);
    next.set_extension("next");
    std::fs::write(&next, text).with_context(|| format!("cannot write {}", next.display()))?;
    std::fs::rename(&next, path).with_context(|| format!("cannot replace {}", path.display()))
}

#[derive(Debug, PartialEq, Eq)]
struct Counted {
    allowing: usize,
    denying: usize,
}

/// Compares what callers got with what the log says.
fn compare(answers: &BTreeMap<String, u16>, entries: &str) -> anyhow::Result<Counted> {
    let mut of_revision: BTreeMap<u64, bool> = BTreeMap::new();
    let mut recorded = 0;
    for line in entries.lines() {
        let entry: Entry =
            serde_json::from_str(line).with_context(|| format!("an entry that is `{line}`"))?;
        let Some(status) = answers.get(&entry.id).filter(|_| entry.kind == "decided") else { continue };
        recorded += 1;
        let allowed = entry.verdict == "allowed";
        anyhow::ensure!(
            *status == if allowed { 200 } else { 403 },
            "{} was answered {status} and recorded as {}",
            entry.id,
            entry.verdict
        );
        let known = *of_revision.entry(entry.revision).or_insert(allowed);
        anyhow::ensure!(known == allowed, "revision {} both allows and denies", entry.revision);
    }
    anyhow::ensure!(recorded == answers.len(), "{} answers, {recorded} of them recorded", answers.len());
    let allowing = of_revision.values().filter(|allowed| **allowed).count();
    let denying = of_revision.len() - allowing;
    anyhow::ensure!(
        REVISIONS_MIN <= allowing.min(denying),
        "only {allowing} revisions allowed and {denying} denied anything"
    );
    Ok(Counted { allowing, denying })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Twenty revisions in turn, one answer each.
    fn sound() -> (BTreeMap<String, u16>, Vec<String>) {
        let status = |number: u64| if number.is_multiple_of(2) { 200 } else { 403 };
        let verdict = |number: u64| if number.is_multiple_of(2) { "allowed" } else { "denied" };
        let entry = |number: u64| {
            let verdict = verdict(number);
            format!(
                r#"{{"kind":"decided","id":"d{number}","verdict":"{verdict}","revision":{number},"x":1}}"#
            )
        };
        ((0..20).map(|number| (format!("d{number}"), status(number))).collect(), (0..20).map(entry).collect())
    }

    #[test]
    fn takes_answers_that_are_as_recorded() {
        let (answers, entries) = sound();
        assert_eq!(compare(&answers, &entries.join("\n")).unwrap(), Counted { allowing: 10, denying: 10 });
    }

    #[test]
    fn refuses_whatever_does_not_fit() {
        let (answers, entries) = sound();
        let refused = |answers: &BTreeMap<String, u16>, entries: &[String]| {
            compare(answers, &entries.join("\n")).unwrap_err().to_string()
        };
        let mut other = answers.clone();
        other.insert("d3".to_owned(), 200);
        assert!(refused(&other, &entries).contains("was answered 200"));
        other.insert("d3".to_owned(), 500);
        assert!(refused(&other, &entries).contains("was answered 500"));
        let mut both = entries.clone();
        both[4] = both[4].replace("\"revision\":4", "\"revision\":3");
        assert!(refused(&answers, &both).contains("revision 3 both"));
        assert!(refused(&answers, &entries[1..]).contains("19 of them"));
        let few: BTreeMap<String, u16> = answers.into_iter().take(5).collect();
        assert!(refused(&few, &entries).contains("only"));
    }
}
