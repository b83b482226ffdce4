//! `cargo xtask mutants`: breaks what must not break, one place at a time, and sees that a named test fails.
//!
//! A copy of the tracked files is changed, never the tree itself. A mutant that does not compile, whose place is no
//! longer there exactly once, or whose test passes is a failure: each of these means that nobody would notice.
//! For everything else there is `cargo mutants`, which takes hours.

mod list;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::args::Args;
use crate::{clock, shell};

use list::MUTANTS;

/// One way to break the product.
#[derive(Debug)]
struct Mutant {
    /// What is broken, in words.
    what: &'static str,
    /// From the root of the workspace.
    file: &'static str,
    /// Stands in the file exactly once.
    find: &'static str,
    replace: &'static str,
    package: &'static str,
    /// The test that fails, by its whole name.
    test: &'static str,
}

/// What became of a mutant.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Caught,
    NotCompiled,
    NotRun,
    Survived,
}

/// The command.
pub(crate) fn run(mut args: Args) -> anyhow::Result<()> {
    let only = args.value::<String>("--only")?;
    args.finish()?;
    check(only.as_deref())
}

/// All mutants, or those whose words contain `only`.
pub(crate) fn check(only: Option<&str>) -> anyhow::Result<()> {
    let copy = copy()?;
    let chosen: Vec<&Mutant> =
        MUTANTS.iter().filter(|mutant| only.is_none_or(|only| mutant.what.contains(only))).collect();
    anyhow::ensure!(!chosen.is_empty(), "no mutant is called so");
    let mut survivors = Vec::new();
    for mutant in &chosen {
        let start = clock::now();
        let fate = fate(&copy, mutant)?;
        let said = match fate {
            Fate::Caught => "caught by",
            Fate::NotCompiled => "DOES NOT COMPILE; see above, wanted",
            Fate::NotRun => "NOT RUN: there is no test",
            Fate::Survived => "SURVIVED",
        };
        eprintln!(
            "    {:5.1} s  {}: {said} {}::{}",
            start.elapsed().as_secs_f64(),
            mutant.what,
            mutant.package,
            mutant.test
        );
        if fate != Fate::Caught {
            survivors.push(mutant.what);
        }
    }
    anyhow::ensure!(survivors.is_empty(), "not caught: {}", survivors.join(", "));
    println!("mutants: {} of {} caught", chosen.len(), chosen.len());
    Ok(())
}

/// Where mutants are made and built. The tree's own folder for builds is never used: to cargo, a crate of the copy is the
/// tree's, and what a mutant left there would pass for sound.
struct Copy {
    tree: PathBuf,
    target: PathBuf,
}

/// Copies the tracked files, leaving alone what is the same already, so that little is built again.
fn copy() -> anyhow::Result<Copy> {
    let root = shell::root()?;
    let folder = shell::target()?.join("mutants");
    let (copy, target) = (folder.join("tree"), folder.join("target"));
    let listed = shell::output(Command::new("git").args(["ls-files", "-z"]).current_dir(&root))?;
    for path in listed.split('\0').filter(|path| !path.is_empty()) {
        let (from, to) = (root.join(path), copy.join(path));
        // A tracked file that was deleted and not committed is no part of the tree.
        let Ok(bytes) = fs::read(&from) else { continue };
        write(&to, &bytes)?;
    }
    seed(&target)?;
    Ok(Copy { tree: copy, target })
}

/// Gives the first build what the tree's own has made of dependencies, times and all, where there is such a one.
fn seed(target: &Path) -> anyhow::Result<()> {
    let (from, to) = (shell::target()?.join("ci"), target.join("ci"));
    if to.exists() || !from.join("deps").exists() {
        return Ok(());
    }
    fs::create_dir_all(to.join("deps")).with_context(|| format!("cannot make {}", to.display()))?;
    let whole = [from.join("build"), from.join(".fingerprint")];
    shell::run(Command::new("cp").arg("-a").args(whole).arg(&to))?;
    let is_library = |path: &PathBuf| {
        let kind = path.extension().and_then(|extension| extension.to_str());
        kind.is_some_and(|kind| ["d", "rlib", "rmeta", "so"].contains(&kind))
    };
    let listed = fs::read_dir(from.join("deps"))?.map(|entry| entry.map(|entry| entry.path()));
    let libraries: Vec<PathBuf> =
        listed.collect::<Result<Vec<_>, _>>()?.into_iter().filter(is_library).collect();
    shell::run(Command::new("cp").arg("-a").args(libraries).arg(to.join("deps")))
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    if fs::read(path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    let folder = path.parent().context("a file lies in a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

fn fate(copy: &Copy, mutant: &Mutant) -> anyhow::Result<Fate> {
    let path = copy.tree.join(mutant.file);
    let sound = fs::read_to_string(&path).with_context(|| format!("cannot read {}", mutant.file))?;
    let broken = mutated(&sound, mutant).with_context(|| format!("`{}`", mutant.what))?;
    write(&path, broken.as_bytes())?;
    let ran = test(copy, mutant);
    write(&path, sound.as_bytes())?;
    ran
}

fn mutated(sound: &str, mutant: &Mutant) -> anyhow::Result<String> {
    let places = sound.matches(mutant.find).count();
    anyhow::ensure!(
        places == 1,
        "`{}` stands {places} times in {}; correct crates/xtask/src/mutants/list.rs",
        mutant.find,
        mutant.file
    );
    Ok(sound.replacen(mutant.find, mutant.replace, 1))
}

fn test(copy: &Copy, mutant: &Mutant) -> anyhow::Result<Fate> {
    // With the program beside it, which has no library to be tested, dependencies have the features that they have in
    // the whole workspace, and are not built once more.
    let packages = ["--package", mutant.package, "--package", "sallyport"];
    let build = |more: &[&str]| -> anyhow::Result<_> {
        let mut command = shell::cargo(&["test", "--locked", "--profile", "ci", "--lib"])?;
        command.args(packages).args(more).current_dir(&copy.tree).env("CARGO_TARGET_DIR", &copy.target);
        command.output().with_context(|| format!("cannot start {command:?}"))
    };
    let built = build(&["--no-run"])?;
    if !built.status.success() {
        eprintln!("{}", String::from_utf8_lossy(&built.stderr));
        return Ok(Fate::NotCompiled);
    }
    let ran = build(&["--", "--exact", mutant.test])?;
    let said = String::from_utf8_lossy(&ran.stdout);
    Ok(judged(&said, mutant.test, ran.status.success()))
}

/// Reads what the test said: only a failure of the very test that is named counts.
fn judged(said: &str, test: &str, success: bool) -> Fate {
    let line = |end: &str| said.lines().any(|line| line == format!("test {test} ... {end}"));
    match (line("FAILED"), line("ok"), success) {
        (true, false, false) => Fate::Caught,
        (false, true, true) => Fate::Survived,
        _ => Fate::NotRun,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_failure_of_the_named_test_counts() {
        for (said, success, expected) in [
            ("test a::b ... FAILED\n", false, Fate::Caught),
            ("test a::b ... ok\n", true, Fate::Survived),
            ("test a::c ... FAILED\n", false, Fate::NotRun),
            ("", true, Fate::NotRun),
            ("", false, Fate::NotRun),
        ] {
            assert_eq!(judged(said, "a::b", success), expected, "{said}");
        }
    }

    #[test]
    fn every_mutant_still_has_its_place_and_no_two_are_alike() {
        let root = shell::root().unwrap();
        for (number, mutant) in MUTANTS.iter().enumerate() {
            let sound = fs::read_to_string(root.join(mutant.file)).unwrap();
            assert_ne!(mutated(&sound, mutant).unwrap(), sound, "{}", mutant.what);
            assert!(
                MUTANTS.iter().skip(number + 1).all(|other| other.what != mutant.what),
                "{}",
                mutant.what
            );
        }
    }
}
