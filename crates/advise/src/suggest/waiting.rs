//! Proposals that stand in a policy file as comments and wait for somebody's word.

use std::collections::BTreeMap;

use policy::quoted;

use super::text::{ID_PREFIX, principal};

/// The grants of a policy file that are comments, by their principals as Cedar writes them. Only what `policy suggest` wrote
/// and nobody took apart is known again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiting(BTreeMap<String, Vec<String>>);

/// One comment while its lines are read.
#[derive(Default)]
struct Part {
    principal: Option<String>,
    actions: String,
}

impl Waiting {
    /// Reads the comments of a policy file.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut waiting = Self::default();
        let begin = format!("@id(\"{ID_PREFIX}.");
        let mut part: Option<Part> = None;
        for line in text.lines() {
            let Some(line) = line.trim_start().strip_prefix("//").map(str::trim) else {
                part = None;
                continue;
            };
            if line.starts_with(&begin) {
                part = Some(Part::default());
            }
            let Some(open) = &mut part else { continue };
            if line.starts_with("principal ") {
                open.principal = Some(line.trim_end_matches(',').to_owned());
            } else if !line.starts_with('@') {
                open.actions.push_str(line);
                open.actions.push('\n');
            }
            if line.ends_with(';')
                && let Some(Part { principal: Some(principal), actions }) = part.take()
            {
                waiting.0.entry(principal).or_default().push(actions);
            }
        }
        waiting
    }

    /// Whether one is for this caller, by its label, or for its team, and names one of these operations and groups.
    #[must_use]
    pub fn covers(&self, caller: &str, team: Option<&str>, actions: &[&str]) -> bool {
        let named = |text: &String| {
            actions.iter().any(|action| text.contains(&format!("Action::{}", quoted(action))))
        };
        principals(caller, team)
            .any(|principal| self.0.get(&principal).is_some_and(|parts| parts.iter().any(named)))
    }
}

/// How grants for a caller, or for all of its team, name whom they are for.
fn principals(caller: &str, team: Option<&str>) -> impl Iterator<Item = String> {
    let team = team.map(|team| format!("principal in Team::{}", quoted(team)));
    principal(caller).into_iter().chain(team)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"// Needs the word of ops:
//   - it was called once
// @id("suggested.shop.orders.1")
// @reason("shop uses it: action == Action::\"orders:GET /all\"")
// permit (
//   principal == Application::"shop",
//   action == Action::"orders:GET /orders",
//   resource == Api::"orders"
// );

  //   @id("suggested.t.orders.2")
// permit (
//   principal in Team::"t\"x",
//   action in Action::"orders:read",
//   resource
// )
// when { context.strength >= 2 };

// @id("suggested.half.orders.3")
// permit (
//   principal == Application::"half",
//   action == Action::"orders:GET /half"
@id("suggested.real.orders.4")
permit (
  principal == Application::"real",
  action == Action::"orders:GET /real",
  resource
);
// @id("withdrawn.key.orders")
//   principal == Application::"gone", action == Action::"orders:GET /gone": 3 calls;
"#;

    #[test]
    fn a_comment_covers_whom_and_what_it_names_and_nothing_near() {
        let waiting = Waiting::of(FILE);
        let covers = |caller: &str, team: Option<&str>, action: &str| waiting.covers(caller, team, &[action]);
        assert!(covers("app:shop", None, "orders:GET /orders"));
        assert!(!covers("app:shop", None, "orders:GET /order"));
        assert!(!covers("app:shop", None, "orders:GET /all"), "a reason is no action");
        assert!(!covers("workload:shop", None, "orders:GET /orders"));
        assert!(!covers("app:shop2", None, "orders:GET /orders"));
        assert!(covers("app:any", Some("t\"x"), "orders:read"));
        assert!(!covers("app:any", Some("t"), "orders:read"));
        assert!(!covers("app:half", None, "orders:GET /half"), "it is not whole");
        assert!(!covers("app:real", None, "orders:GET /real"), "it counts already");
        assert!(!covers("app:gone", None, "orders:GET /gone"), "it is no proposal");
        assert_eq!(Waiting::of(""), Waiting::default());
    }
}
