//! A word that is given later: a proposal that stands in a comment becomes the grant.

/// The first line of a comment that waits, up to whose word it waits for.
pub(super) const NEEDS_WORD: &str = "// Needs the word of ";
/// What each line begins with that says why.
pub(super) const CONCERN: &str = "//   - ";

/// A policy file in which the proposal `id` stands as `grant`, where before it stood in a comment as it was written; `None` where
/// there is no such comment, or somebody took it apart.
#[must_use]
pub fn spoken(text: &str, id: &str, grant: &str) -> Option<String> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let named = format!("// @id({})", policy::quoted(id));
    let at = lines.iter().position(|line| line.trim_end() == named)?;
    let (before, behind) = lines.split_at(at);
    let is_comment = |line: &&&str| line.starts_with("//");
    let body: Vec<&&str> = behind.iter().take_while(is_comment).collect();
    let length = 1 + body.iter().position(|line| line.trim_end().ends_with(';'))?;
    // No other policy may begin before this one ends.
    if body.iter().take(length).skip(1).any(|line| line.starts_with("// @id(")) {
        return None;
    }
    let is_head = |line: &&&str| line.starts_with(NEEDS_WORD) || line.starts_with(CONCERN);
    let head = before.iter().rev().take_while(is_head).count();
    let kept = before.iter().take(before.len().saturating_sub(head));
    let rest = behind.iter().skip(length);
    Some(kept.chain([&grant]).chain(rest).copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRANT: &str = "@id(\"a\")\npermit (principal, action, resource);\n";
    const WAITING: &str = "// Needs the word of ops:\n//   - it was called once\n// @id(\"a\")\n// permit (\n//   principal,\n//   action,\n//   resource\n// );\n";
    const OTHER: &str =
        "// Needs the word of ops:\n//   - why\n// @id(\"ab\")\n// permit (principal, action, resource);\n";

    #[test]
    fn the_comment_becomes_the_grant_and_nothing_else_changes() {
        let head = "// Grants.\n\n@id(\"first\")\npermit (principal, action, resource);\n\n";
        let text = format!("{head}{OTHER}\n{WAITING}\n{OTHER}");
        assert_eq!(spoken(&text, "a", GRANT).unwrap(), format!("{head}{OTHER}\n{GRANT}\n{OTHER}"));
        // Comments without a line between them, line ends of another system, and an end without one.
        assert_eq!(
            spoken(&format!("{OTHER}{WAITING}{OTHER}"), "a", GRANT).unwrap(),
            format!("{OTHER}{GRANT}{OTHER}")
        );
        assert_eq!(spoken(&WAITING.replace('\n', "\r\n"), "a", GRANT).unwrap(), GRANT);
        assert_eq!(spoken(WAITING.trim_end(), "a", GRANT).unwrap(), GRANT);
    }

    #[test]
    fn what_is_no_such_comment_is_left_alone() {
        for text in [
            String::new(),
            GRANT.to_owned(),
            OTHER.to_owned(),
            WAITING.replace(");", ")"),
            WAITING.replace("// permit", "permit"),
            WAITING.replace("// );\n", OTHER),
        ] {
            assert_eq!(spoken(&text, "a", GRANT), None, "{text}");
        }
    }
}
