//! Why somebody does something: one line, for it stands in lines of the log's text, of signed notes and of lists, where a
//! second line could pass for an entry that nobody made.

use crate::ControlError;

/// The longest reason, in bytes.
pub(crate) const REASON_BYTES_MAX: usize = 1_024;

/// Refuses a reason that is too long or more than one line; none at all is fine.
pub fn check_reason(reason: &str) -> Result<(), ControlError> {
    if REASON_BYTES_MAX < reason.len() || breaks_the_line(reason) {
        let what = format!("the reason is over {REASON_BYTES_MAX} bytes, or more than one line");
        return Err(ControlError::invalid(what, "write one line, and name a ticket for the rest"));
    }
    Ok(())
}

/// A reason that has to be there, without blanks around it; `what` needs it.
pub(crate) fn given(reason: &str, what: &str) -> Result<String, ControlError> {
    let reason = reason.trim();
    if reason.is_empty() {
        return Err(ControlError::invalid(format!("{what} needs a reason"), "say why with --reason"));
    }
    check_reason(reason)?;
    Ok(reason.to_owned())
}

/// Whether a text has characters that end a line or steer a terminal.
pub(crate) fn breaks_the_line(text: &str) -> bool {
    text.chars().any(|character| character.is_control() || matches!(character, '\u{2028}' | '\u{2029}'))
}

/// A text of our own, the words of an error for example, as one line.
pub(crate) fn in_one_line(text: &str) -> String {
    text.split(|character: char| breaks_the_line(character.encode_utf8(&mut [0; 4])))
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_line() {
        assert_eq!(given(" leaked key, OPS-7 ", "a block").unwrap(), "leaked key, OPS-7");
        for text in ["", "  ", "a\nb", "a\rb", "a\u{7}b", "a\u{2028}b", &"a".repeat(REASON_BYTES_MAX + 1)] {
            assert!(given(text, "a block").is_err(), "{text:?}");
        }
        assert!(given(&"a".repeat(REASON_BYTES_MAX), "a block").is_ok());
        assert!(check_reason("").is_ok());
        assert!(check_reason("a\nb").is_err());
    }

    #[test]
    fn words_of_errors_become_one_line() {
        assert_eq!(in_one_line("cannot read:\n  line 3\r\n\u{1b}column 4"), "cannot read: line 3 column 4");
        assert_eq!(in_one_line("one line"), "one line");
    }
}
