//! Reads `workloads` of `sallyport.yaml`: which team answers for which client certificate.

use model::{TeamName, WorkloadName};

use super::WorkloadTeam;
use crate::fields;
use crate::place::Faults;
use crate::yaml::Node;

/// Names that can be listed.
const WORKLOADS_MAX: usize = 10_000;
const FIX: &str =
    "write a SPIFFE id or a DNS name, or all below one: spiffe://example.org/ns/shop/* or *.shop.example";

pub(crate) fn read(node: &Node, faults: &mut Faults) -> Option<Vec<WorkloadTeam>> {
    let entries = fields::table(node, "`workloads`", faults)?;
    fields::note_doubled(entries, faults);
    if WORKLOADS_MAX < entries.len() {
        let reason = format!("there are over {WORKLOADS_MAX} workloads");
        faults.add(node.place, reason, "list what is above them: spiffe://example.org/ns/shop/*");
        return None;
    }
    let mut workloads = Vec::with_capacity(entries.len());
    for entry in entries {
        if let Err(reason) = judge(&entry.key) {
            faults.add(entry.place, format!("`{}` {reason}", fields::shown(&entry.key)), FIX);
            continue;
        }
        let fix = "write a team of teams.yaml";
        if let Some(team) =
            fields::parsed(&entry.node, "the team of a workload", fix, faults, TeamName::parse)
        {
            let place = (entry.place.line, entry.place.column);
            workloads.push(WorkloadTeam { names: entry.key.clone(), team, place });
        }
    }
    Some(workloads)
}

/// A star stands for whole segments or labels, at the open end of a name, and leaves the trust domain or two labels.
fn judge(text: &str) -> Result<(), String> {
    let name = match (text.strip_suffix("/*"), text.strip_prefix("*.")) {
        (Some(path), None) if path.starts_with("spiffe://") => {
            // The domain alone has no path yet, so it is no whole id.
            if path.matches('/').count() == 2 { format!("{path}/x") } else { path.to_owned() }
        }
        (None, Some(domain)) if domain.contains('.') && !domain.starts_with("spiffe:") => domain.to_owned(),
        (Some(_), _) | (_, Some(_)) => return Err("has a star in a wrong place".to_owned()),
        (None, None) => text.to_owned(),
    };
    if name.contains('*') {
        return Err("has a star in a wrong place".to_owned());
    }
    let parsed = WorkloadName::parse(&name).map_err(|error| format!("is no name of a workload: {error}"))?;
    // Certificates are read in lower case, so that another spelling would never be met.
    if !parsed.as_str().starts_with("spiffe://")
        && parsed.as_str().bytes().any(|byte| byte.is_ascii_uppercase())
    {
        return Err("has capital letters; DNS names are compared in lower case".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_whole_or_end_at_a_star() {
        for (text, expected) in [
            ("spiffe://example.org/ns/shop/sa/cart", ""),
            ("spiffe://example.org/ns/shop/*", ""),
            ("spiffe://example.org/*", ""),
            ("cart.shop.example", ""),
            ("*.shop.example", ""),
            ("*", "wrong place"),
            ("*.example", "wrong place"),
            ("spiffe://*", "wrong place"),
            ("spiffe://*/ns", "wrong place"),
            ("spiffe://example.org/ns*", "wrong place"),
            ("spiffe://example.org/*/sa/*", "wrong place"),
            ("*.spiffe://example.org/*", "wrong place"),
            ("a.*.example", "wrong place"),
            ("shop.example/*", "wrong place"),
            ("Cart.shop.example", "capital letters"),
            ("", "no name"),
        ] {
            let found = judge(text).err().unwrap_or_default();
            assert!(found.contains(expected) && found.is_empty() == expected.is_empty(), "{text}: {found}");
        }
    }
}
