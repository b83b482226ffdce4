//! Results as JUnit XML, as CI systems read it: one suite per file of cases.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use control::cases::{CaseReport, CaseView};

/// The whole document.
pub(super) fn text(report: &CaseReport) -> String {
    let mut suites: BTreeMap<&str, Vec<&CaseView>> = BTreeMap::new();
    for case in &report.cases {
        suites.entry(&case.file).or_default().push(case);
    }
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let (tests, failed) = (report.cases.len(), report.failed());
    line(
        &mut out,
        format_args!("<testsuites name=\"sallyport policy test\" tests=\"{tests}\" failures=\"{failed}\">"),
    );
    for (file, cases) in suites {
        let failed = cases.iter().filter(|case| !case.passed).count();
        let (name, tests) = (escaped(file), cases.len());
        line(&mut out, format_args!("  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failed}\">"));
        for case in cases {
            write_case(&mut out, case);
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

fn write_case(out: &mut String, case: &CaseView) {
    let (name, file) = (escaped(&case.name), escaped(&case.file));
    let head =
        format!("    <testcase classname=\"{file}\" name=\"{name}\" file=\"{file}\" line=\"{}\"", case.line);
    if case.passed {
        line(out, format_args!("{head}/>"));
        return;
    }
    line(out, format_args!("{head}>"));
    let told = escaped(&super::failure(case));
    line(out, format_args!("      <failure message=\"{}\">{told}</failure>", escaped(&case.difference)));
    out.push_str("    </testcase>\n");
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a `String` does not fail.
    let _written = out.write_fmt(text);
    out.push('\n');
}

/// Text as XML 1.0 takes it in elements and attributes: what XML cannot hold at all is replaced.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            plain => out.push(plain),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn nothing_in_a_name_leaves_its_attribute() {
        for (text, expected) in [
            ("a\"b", "a&quot;b"),
            ("</testcase>&", "&lt;/testcase&gt;&amp;"),
            ("a\nb", "a&#10;b"),
            ("\u{1}\u{ffff}", "\u{fffd}\u{fffd}"),
            ("'ü", "'ü"),
        ] {
            assert_eq!(escaped(text), expected, "{text:?}");
        }
    }
}
