//! `bench report`: measures every row and writes the figures into `docs/performance.md`.
//!
//! Only what stands between the two markers is rewritten; the method around it is prose.

use anyhow::Context as _;

use super::directory::{Directory, Size};
use super::gate;
use super::memory;
use super::nginx::Upstream;
use super::process::Folder;
use super::recorded::{Figure, Recorded};
use super::scenario::Scenario;
use super::subject::{Subject, Under};
use super::wrk;
use crate::{clock, shell};

const PATH: &str = "docs/performance.md";
const BEGIN: &str = "<!-- figures: written by `cargo xtask bench report` -->";
const END: &str = "<!-- end of figures -->";

/// Rounds of the comparison of CPU time; each round measures every subject once, so that drift meets all alike.
const ROUNDS: usize = 5;
const SECONDS: u32 = 3;
const IDLE: usize = 10_000;

/// What is not counted by the gate.
struct Extra {
    scenario: Scenario,
    /// Microseconds a request, median: ours, nginx's.
    cpu: (f64, f64),
    /// Megabytes after the start, and with idle connections; nginx's with idle connections.
    resident: f64,
    idle: f64,
    nginx_idle: f64,
    start_ms: f64,
}

/// The command.
pub(super) fn run() -> anyhow::Result<()> {
    memory::allow_many_files()?;
    let counted = gate::measure(Scenario::ALL, Size::FULL)?;
    let mut extras = Vec::new();
    for scenario in [Scenario::PassThrough, Scenario::WholePath] {
        extras.push(shell::step(&format!("{scenario}: CPU and memory"), || extra(scenario))?);
    }
    let growth = shell::step("growth", growth)?;
    let text = render(&counted, &extras, &growth);
    print!("{text}");
    let path = shell::root()?.join(PATH);
    let page = std::fs::read_to_string(&path).with_context(|| format!("cannot read `{PATH}`"))?;
    std::fs::write(&path, replace(&page, &text)?).with_context(|| format!("cannot write `{PATH}`"))
}

fn extra(scenario: Scenario) -> anyhow::Result<Extra> {
    let binary = super::binary()?;
    let (upstream, folder) = (Upstream::start()?, Folder::new("report")?);
    let directory = Directory::make(&binary, &folder, scenario, Size::FULL, upstream.address)?;
    let (requests, keys) = (scenario.requests(&directory), directory.keys());
    let gateway = || Subject::gateway(&binary, &directory, folder.path(), Under::Nothing);
    let nginx =
        || Subject::nginx(&folder, upstream.address, (!keys.is_empty()).then_some(&keys), Under::Nothing);
    // The first start validates; what is measured is a start that need not.
    drop(gateway()?);
    let start = clock::now();
    let ours = gateway()?;
    let start_ms = start.elapsed().as_secs_f64() * 1_000.0;
    let resident = memory::resident(ours.process.pid())?;
    drop(ours);
    let mut cpu = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        cpu.0.push(wrk::cpu(&mut gateway()?, &folder, &requests, SECONDS)?);
        cpu.1.push(wrk::cpu(&mut nginx()?, &folder, &requests, SECONDS)?);
    }
    Ok(Extra {
        scenario,
        cpu: (median(cpu.0), median(cpu.1)),
        resident,
        idle: memory::idle(&mut gateway()?, &requests, IDLE)?,
        nginx_idle: memory::idle(&mut nginx()?, &requests, IDLE)?,
        start_ms,
    })
}

/// The whole path with one dimension at a time made small and large.
fn growth() -> anyhow::Result<Vec<(String, Figure)>> {
    let full = Size::FULL;
    let sizes = [
        ("100 keys", Size { keys: 100, ..full }),
        ("100,000 keys", Size { keys: 100_000, ..full }),
        ("100 operations, 20 policies", Size { operations: 100, policies: 20, ..full }),
        ("10,000 operations", Size { operations: 10_000, ..full }),
        ("100 policies", Size { policies: 100, ..full }),
    ];
    let mut rows = Vec::new();
    for (name, size) in sizes {
        let counted = gate::measure(&[Scenario::WholePath], size)?;
        let figure = counted.sallyport.get(Scenario::WholePath.name()).context("nothing was measured")?;
        rows.push((name.into(), figure.clone()));
    }
    Ok(rows)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The tables, as Markdown.
fn render(counted: &Recorded, extras: &[Extra], growth: &[(String, Figure)]) -> String {
    let mut text = String::new();
    let mut line = |row: String| text.push_str(&format!("{row}\n"));
    line("| per request | instructions | nginx | ratio | must / aim | system calls | nginx | must |".into());
    line("|---|---|---|---|---|---|---|---|".into());
    for scenario in Scenario::ALL {
        let name = scenario.name();
        if let (Some(ours), Some(nginx)) = (counted.sallyport.get(name), counted.nginx.get(name)) {
            let (must, calls, aim) = scenario.targets();
            let ratio = ours.instructions / nginx.instructions;
            line(format!(
                "| {name} | **{:.0}** | {:.0} | {ratio:.2} | {must:.0} / {aim:.0} | **{:.2}** | {:.2} | {calls:.2} |",
                ours.instructions, nginx.instructions, ours.system_calls, nginx.system_calls
            ));
        }
    }
    line("\n| calls left out of the instructions, per request | hashes | checksums | signatures |".into());
    line("|---|---|---|---|".into());
    for (name, figure) in &counted.sallyport {
        line(format!(
            "| {name} | {:.2} | {:.2} | {:.2} |",
            figure.hash_calls, figure.checksum_calls, figure.signature_calls
        ));
    }
    line(format!("\n| CPU, median of {ROUNDS} rounds | ratio to nginx | us a request, ours / nginx |"));
    line("|---|---|---|".into());
    for extra in extras {
        let (ours, nginx) = extra.cpu;
        line(format!("| {} | **{:.2} x** | {ours:.1} / {nginx:.1} |", extra.scenario, ours / nginx));
    }
    line(format!(
        "\n| memory and start | resident, MB | with {IDLE} idle connections | nginx with them | start to first decision |"
    ));
    line("|---|---|---|---|---|".into());
    for extra in extras {
        let Extra { scenario, resident, idle, nginx_idle, start_ms, .. } = extra;
        line(format!("| {scenario} | {resident:.0} | {idle:.0} | {nginx_idle:.0} | {start_ms:.0} ms |"));
    }
    line("\n| growth of the whole path | instructions | system calls |".into());
    line("|---|---|---|".into());
    for (name, figure) in growth {
        line(format!("| {name} | {:.0} | {:.2} |", figure.instructions, figure.system_calls));
    }
    text
}

/// Puts `text` between the markers of `page`.
fn replace(page: &str, text: &str) -> anyhow::Result<String> {
    let (before, rest) = page.split_once(BEGIN).with_context(|| format!("`{PATH}` has no line `{BEGIN}`"))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("`{PATH}` has no line `{END}`"))?;
    Ok(format!("{before}{BEGIN}\n\n{text}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rewrites_what_stands_between_the_markers_and_nothing_else() {
        let page = format!("prose\n{BEGIN}\nold\n{END}\nmore\n");
        assert_eq!(replace(&page, "new\n").unwrap(), format!("prose\n{BEGIN}\n\nnew\n\n{END}\nmore\n"));
        assert!(replace("prose", "new").is_err());
    }

    #[test]
    fn takes_the_middle() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
    }
}
