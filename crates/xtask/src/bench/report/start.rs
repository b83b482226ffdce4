//! From starting the program to its first decision, with all that a large installation has.

use super::{median, table};
use crate::bench::directory::{Directory, Size};
use crate::bench::load::Connection;
use crate::bench::nginx::Upstream;
use crate::bench::process::Folder;
use crate::bench::scenario::Scenario;
use crate::bench::subject::{Subject, Under};
use crate::clock;

const STARTS: usize = 5;
const SIZE: Size = Size { operations: 1_000, ..Size::FULL };

pub(super) fn measure() -> anyhow::Result<String> {
    let scenario = Scenario::WholePath;
    let binary = crate::bench::binary()?;
    let (upstream, folder) = (Upstream::start()?, Folder::new("report")?);
    let directory = Directory::make(&binary, &folder, scenario, SIZE, upstream.address)?;
    let requests = scenario.requests(&directory);
    let first = requests.first().ok_or_else(|| anyhow::anyhow!("no requests to send"))?;
    let start = || -> anyhow::Result<f64> {
        let start = clock::now();
        let subject = Subject::gateway(&binary, &directory, folder.path(), Under::Nothing)?;
        Connection::open(subject.address)?.exchange(first)?;
        Ok(start.elapsed().as_secs_f64() * 1_000.0)
    };
    let anew = start()?;
    let known = (0..STARTS).map(|_| start()).collect::<anyhow::Result<Vec<f64>>>()?;
    let Size { keys, operations, policies, .. } = SIZE;
    let rows = [
        vec![
            "every policy found valid before".into(),
            format!("**{:.0}**", median(known)),
            "300 / 100".into(),
        ],
        vec!["every policy validated anew".into(), format!("{anew:.0}"), String::new()],
    ];
    Ok(format!(
        "{}\n{keys} keys, {operations} operations, {policies} policies; wall time on one core, median of {STARTS}.\n",
        table(&["start to first answer", "ms", "must / aim"], &rows)
    ))
}
