//! The command line, read by hand: words first, then `--name value` and `--name`.
//!
//! Whatever is not asked for is refused by [`Args::finish`], so a misspelt option never passes unseen.

use std::str::FromStr;

use anyhow::Context as _;

/// What is left of the command line.
#[derive(Debug)]
pub(crate) struct Args {
    rest: Vec<String>,
}

impl Args {
    pub(crate) fn new(args: impl Iterator<Item = String>) -> Self {
        Self { rest: args.collect() }
    }

    /// Takes the next word, which is not an option.
    pub(crate) fn word(&mut self) -> Option<String> {
        match self.rest.first() {
            Some(first) if !first.starts_with("--") || first == "--help" => Some(self.rest.remove(0)),
            Some(_) | None => None,
        }
    }

    /// Takes `--name` if it is there.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        let found = self.rest.iter().position(|arg| arg == name);
        found.map(|at| self.rest.remove(at)).is_some()
    }

    /// Takes `--name VALUE` if it is there.
    pub(crate) fn value<T>(&mut self, name: &str) -> anyhow::Result<Option<T>>
    where
        T: FromStr,
        T::Err: std::error::Error + Send + Sync + 'static,
    {
        let Some(at) = self.rest.iter().position(|arg| arg == name) else { return Ok(None) };
        self.rest.remove(at);
        anyhow::ensure!(at < self.rest.len(), "`{name}` wants a value");
        let text = self.rest.remove(at);
        text.parse().map(Some).with_context(|| format!("`{name}` does not take `{text}`"))
    }

    /// Everything that is left, for another program to judge.
    pub(crate) fn rest(self) -> Vec<String> {
        self.rest
    }

    /// Refuses what nobody asked for.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        match self.rest.first() {
            Some(arg) => anyhow::bail!("unknown argument `{arg}`; `cargo xtask help` lists them"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(line: &str) -> Args {
        Args::new(line.split_whitespace().map(String::from))
    }

    #[test]
    fn takes_words_flags_and_values_in_any_order() {
        let mut args = args("gate --n 7 --record");
        assert_eq!(args.word().as_deref(), Some("gate"));
        assert!(args.flag("--record"));
        assert_eq!(args.value::<u32>("--n").unwrap(), Some(7));
        args.finish().unwrap();
    }

    #[test]
    fn refuses_what_nobody_asked_for() {
        assert!(args("--recrod").finish().is_err());
    }

    #[test]
    fn refuses_a_value_that_is_missing_or_malformed() {
        assert!(args("--n").value::<u32>("--n").is_err());
        assert!(args("--n seven").value::<u32>("--n").is_err());
    }
}
