//! `policy test` as a pipeline runs it: on a clone, without a gateway.

use testkit::{Cli, Folder};

use super::world::{DOCUMENT, root};

const CASES: &str = "version: 1\nnow: 2026-06-15T12:00:00Z\napplications:\n  web: { team: orders-team }\ncases:\n  \
    - { name: reads, caller: app:web, operation: 'orders:GET /orders', expect: allow }\n  \
    - { name: writes <nothing>, caller: app:web, operation: 'orders:POST /orders', expect: deny, reason: no_grant }\n";
const GRANT: &str = "@id(\"web\") @owner(\"orders-team\") @reason(\"r\") @expires(\"2099-01-01\")\n\
    permit (principal == Application::\"web\", action == Action::\"orders:GET /orders\", resource);\n";

fn repository(name: &str) -> (Folder, Cli) {
    let folder = Folder::new(root(), name);
    folder.write("document.yaml", DOCUMENT);
    let dir = folder.path().join("shop");
    let cli = Cli::new(&dir, folder.path());
    let document = folder.path().join("document.yaml").display().to_string();
    cli.run(&[
        "init",
        &dir.display().to_string(),
        "--upstream",
        "http://127.0.0.1:9",
        "--openapi",
        &document,
    ]);
    folder.write("shop/policies/web.cedar", GRANT);
    folder.write("shop/tests/orders.yaml", CASES);
    (folder, cli)
}

#[test]
fn cases_run_without_gateway_or_store_and_leave_nothing_behind() {
    let (folder, cli) = repository("policy-test");
    let ran = cli.try_run(&["policy", "test"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let lines = ran.lines();
    assert_eq!(
        (lines[0]["name"].as_str(), lines[0]["got"].as_str()),
        (Some("reads"), Some("allow")),
        "{ran:?}"
    );
    assert_eq!(lines[1]["reason"], "no_grant");
    assert_eq!(lines[2]["coverage"]["rules_hit"], 1, "{ran:?}");
    assert!(!folder.path().join("shop/.state").exists(), "a test opens no store");
    // The rest of the document's operations is asked about by no case.
    assert_eq!(cli.try_run(&["policy", "test", "--complete"]).code, 1);
    assert_eq!(cli.try_run(&["policy", "test", "--only", "writes"]).lines().len(), 1);
    assert_eq!(cli.try_run(&["policy", "test", "--only", "nothing of the kind"]).code, 2);
}

#[test]
fn a_case_that_fails_says_why_and_the_reports_have_it() {
    let (folder, cli) = repository("policy-test-fails");
    folder.write("shop/policies/web.cedar", &GRANT.replace("GET /orders", "GET /orders/{id}"));
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (junit, sarif) = (at("report.xml"), at("report.sarif"));
    let ran = cli.try_run(&["policy", "test", "--junit", &junit, "--sarif", &sarif]);
    assert_eq!(ran.code, 1, "{ran:?}");
    let failed = &ran.lines()[0];
    assert_eq!(
        (failed["passed"].as_bool(), failed["nearest"].as_str()),
        (Some(false), Some("web")),
        "{ran:?}"
    );
    let xml = std::fs::read_to_string(&junit).unwrap();
    assert!(
        xml.contains("tests=\"2\" failures=\"1\"") && xml.contains("name=\"writes &lt;nothing&gt;\""),
        "{xml}"
    );
    let log: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&sarif).unwrap()).unwrap();
    let results = log["runs"][0]["results"].as_array().unwrap();
    assert_eq!(results[0]["ruleId"], "policy-test-failed", "{log}");
    let place = &results[0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "tests/orders.yaml");
    assert_eq!(place["region"]["startLine"], 6);
    assert_eq!(results[1]["ruleId"], "policy-rule-untested");
}

#[test]
fn a_file_of_cases_with_a_mistake_runs_none_of_them() {
    let (folder, cli) = repository("policy-test-mistake");
    folder.write("shop/tests/orders.yaml", &CASES.replace("expect: allow", "expect: alow"));
    let ran = cli.try_run(&["policy", "test"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:?}");
    assert!(ran.stderr.contains("did you mean `allow`?"), "{ran:?}");
}
