//! Answers of the gateway itself: refusals, preflights, the key set. Each carries the decision id and its own length.

use enforce::Budgets;
use http1::RequestMethodClass;
use model::DecisionId;
use model::id::DECISION_ID_CHARACTERS;

use crate::forward::Lines;
use crate::rewrite::Goodbye;

/// An answer with its body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) id: DecisionId,
    /// Empty where there is no body.
    pub(crate) content_type: &'a str,
    pub(crate) body: &'a [u8],
}

/// The name that begins the line that every answer has.
const DECISION_NAME: &[u8; 23] = b"sallyport-decision-id: ";
const DECISION_LINE_BYTES: usize = DECISION_NAME.len() + DECISION_ID_CHARACTERS + 2;

/// Bytes that the lines of two limits take.
const BUDGET_LINES_BYTES: usize = 160;

/// The line that every answer has.
pub(crate) fn decision_line(id: &[u8; DECISION_ID_CHARACTERS]) -> [u8; DECISION_LINE_BYTES] {
    let mut line = *b"sallyport-decision-id: 00000000000000000000000000\r\n";
    if let Some(slots) = line.get_mut(DECISION_NAME.len()..DECISION_NAME.len() + id.len()) {
        slots.copy_from_slice(id);
    }
    line
}

/// The same line, and those that tell what is left of limits.
pub(crate) fn lines_with_budgets(line: &[u8], budgets: &Budgets) -> Vec<u8> {
    let mut lines = Vec::with_capacity(line.len() + BUDGET_LINES_BYTES);
    lines.extend_from_slice(line);
    budgets.write_fields(&mut Lines(&mut lines));
    lines
}

/// Appends a whole answer. `fields` come between those that every answer has and the framing.
pub(crate) fn write_answer<'a>(
    out: &mut Vec<u8>,
    answer: Answer<'_>,
    fields: impl IntoIterator<Item = (&'a str, &'a str)>,
    goodbye: Goodbye,
    class: RequestMethodClass,
) {
    let Answer { status, id, content_type, body } = answer;
    out.reserve(512 + body.len());
    out.extend_from_slice(b"HTTP/1.1 ");
    http1::write::write_decimal(out, u64::from(status));
    out.push(b' ');
    out.extend_from_slice(http1::write::reason_phrase(status).as_bytes());
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(&decision_line(&id.text()));
    for (name, value) in fields {
        if http1::write::write_field(out, name.as_bytes(), value.as_bytes()).is_err() {
            // A value that would be a line of its own is left out; the rest of the answer stands.
            tracing::error!(name, "a field of an answer can't be written");
        }
    }
    if !content_type.is_empty() {
        out.extend_from_slice(b"content-type: ");
        out.extend_from_slice(content_type.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    // RFC 9110, 8.6: a 204 has no length.
    if status != 204 {
        http1::write::write_content_length(out, body.len() as u64);
    }
    if goodbye == Goodbye::Said {
        out.extend_from_slice(b"connection: close\r\n");
    }
    http1::write::write_head_end(out);
    if class != RequestMethodClass::Head && status != 204 {
        out.extend_from_slice(body);
    }
}

#[cfg(test)]
mod tests {
    use model::Timestamp;

    use super::*;

    fn written(status: u16, class: RequestMethodClass, goodbye: Goodbye) -> String {
        let id = DecisionId::new(Timestamp::from_millis(0), 0);
        let answer = Answer { status, id, content_type: "text/plain", body: b"no" };
        let mut out = Vec::new();
        write_answer(&mut out, answer, [("allow", "GET"), ("bad", "a\r\nb: c")], goodbye, class);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn has_length_and_id_and_no_smuggled_line() {
        assert_eq!(
            written(404, RequestMethodClass::Other, Goodbye::Said),
            "HTTP/1.1 404 Not Found\r\nsallyport-decision-id: 00000000000000000000000000\r\nallow: GET\r\n\
             content-type: text/plain\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno"
        );
    }

    #[test]
    fn has_no_body_where_there_must_be_none() {
        assert!(
            written(403, RequestMethodClass::Head, Goodbye::Unsaid).ends_with("content-length: 2\r\n\r\n")
        );
        let preflight = written(204, RequestMethodClass::Other, Goodbye::Unsaid);
        assert!(preflight.ends_with("text/plain\r\n\r\n") && !preflight.contains("content-length"));
    }
}
