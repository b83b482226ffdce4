//! Instructions and system calls at full size, beside nginx.

use super::table;
use crate::bench::directory::Size;
use crate::bench::gate;
use crate::bench::scenario::Scenario;

pub(super) fn measure() -> anyhow::Result<String> {
    let counted = gate::measure(Scenario::ALL, Size::FULL)?;
    let mut rows = Vec::new();
    for scenario in Scenario::ALL {
        let name = scenario.name();
        let (Some(ours), Some(nginx)) = (counted.sallyport.get(name), counted.nginx.get(name)) else {
            continue;
        };
        let (must, calls, aim) = scenario.targets();
        rows.push(vec![
            name.to_owned(),
            format!("**{:.0}**", ours.instructions),
            format!("{:.0}", nginx.instructions),
            format!("{:.2}", ours.instructions / nginx.instructions),
            format!("{must:.0} / {aim:.0}"),
            format!("**{:.2}**", ours.system_calls),
            format!("{:.2}", nginx.system_calls),
            format!("{calls:.2}"),
        ]);
    }
    let head =
        ["per request", "instructions", "nginx", "ratio", "must / aim", "system calls", "nginx", "must"];
    let left_out: Vec<Vec<String>> = counted
        .sallyport
        .iter()
        .map(|(name, figure)| {
            let calls = [figure.hash_calls, figure.checksum_calls, figure.signature_calls];
            std::iter::once(name.clone()).chain(calls.map(|calls| format!("{calls:.2}"))).collect()
        })
        .collect();
    let apart = ["calls left out of the instructions, per request", "hashes", "checksums", "signatures"];
    Ok(format!("{}\n{}", table(&head, &rows), table(&apart, &left_out)))
}
