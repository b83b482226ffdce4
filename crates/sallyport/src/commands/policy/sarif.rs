//! What failed and what is untried, as SARIF 2.1.0 (OASIS, 2020), for code scanning.

use control::cases::CaseReport;
use serde_json::{Value, json};

const FAILED: &str = "policy-test-failed";
const UNTESTED: &str = "policy-rule-untested";

/// The whole log.
pub(super) fn log(report: &CaseReport) -> Value {
    let failed = report.cases.iter().filter(|case| !case.passed).map(|case| {
        let text = format!("{}: {}", case.name, super::failure(case));
        result(FAILED, "error", &text, &case.file, u64::from(case.line))
    });
    let untested = report.coverage.unhit.iter().map(|rule| {
        let line = u64::try_from(rule.line).unwrap_or(1);
        result(UNTESTED, "note", &format!("no case in tests/ makes `{}` hold", rule.id), &rule.file, line)
    });
    let results: Vec<Value> = failed.chain(untested).collect();
    json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "sallyport",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": [
                    rule(FAILED, "A case of tests/ did not come out as expected."),
                    rule(UNTESTED, "No case of tests/ makes this policy hold."),
                ],
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn rule(id: &str, text: &str) -> Value {
    json!({ "id": id, "shortDescription": { "text": text } })
}

fn result(rule: &str, level: &str, text: &str, file: &str, line: u64) -> Value {
    json!({
        "ruleId": rule,
        "level": level,
        "message": { "text": text },
        "locations": [{ "physicalLocation": {
            "artifactLocation": { "uri": uri(file), "uriBaseId": "%SRCROOT%" },
            "region": { "startLine": line.max(1) },
        }}],
    })
}

/// A path of a repository as a relative reference (RFC 3986 section 4.2): paths hold no `:` and no control characters here.
fn uri(path: &str) -> String {
    path.replace('%', "%25").replace(' ', "%20").replace('#', "%23").replace('?', "%3F")
}
