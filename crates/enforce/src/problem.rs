//! The body of a refusal: `application/problem+json` (RFC 9457), written without a serialiser.
//!
//! Everything in it is ours but the decision id, and that has one alphabet; texts are escaped all the same.

use model::{DecisionId, Problem};

/// What `type` begins with; the rest is the slug of the problem's page.
const TYPE_PREFIX: &str = "urn:sallyport:problem:";

/// The body for `problem` with this detail.
pub(crate) fn write(problem: Problem, detail: &str, id: DecisionId) -> String {
    let mut body = String::with_capacity(384);
    body.push_str("{\"type\":\"");
    body.push_str(TYPE_PREFIX);
    body.push_str(problem.slug);
    body.push_str("\",\"title\":");
    push_text(&mut body, problem.title);
    body.push_str(",\"status\":");
    push_status(&mut body, problem.status);
    body.push_str(",\"detail\":");
    push_text(&mut body, detail);
    body.push_str(",\"decision_id\":\"");
    body.extend(id.text().map(char::from));
    body.push_str("\",\"next_step\":");
    push_text(&mut body, problem.next_step);
    body.push_str("}\n");
    body
}

/// Writes a JSON string (RFC 8259 section 7).
fn push_text(body: &mut String, text: &str) {
    body.push('"');
    for character in text.chars() {
        match character {
            '"' => body.push_str("\\\""),
            '\\' => body.push_str("\\\\"),
            '\0'..='\u{1f}' => {
                body.push_str("\\u00");
                for shift in [4, 0] {
                    let digit = (u32::from(character) >> shift) & 15;
                    body.extend(char::from_digit(digit, 16));
                }
            }
            _ => body.push(character),
        }
    }
    body.push('"');
}

/// Three digits; a status has no more and no fewer.
fn push_status(body: &mut String, status: u16) {
    for place in [100, 10, 1] {
        body.extend(char::from_digit(u32::from(status / place % 10), 10));
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use model::DenyReason;

    use super::*;

    #[test]
    fn writes_a_problem() {
        let id = DecisionId::from_bytes([0; 16]);
        let body = write(DenyReason::NoGrant.problem(), "say \"no\"\\\n\u{1}\u{e9}", id);
        expect![[r#"
            {"type":"urn:sallyport:problem:no_grant","title":"No grant allows this request","status":403,"detail":"say \"no\"\\\u000a\u0001é","decision_id":"00000000000000000000000000","next_step":"Ask the API's owner for a grant, naming the decision id."}
        "#]]
        .assert_eq(&body);
    }
}
