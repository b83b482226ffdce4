//! The policy repository of the demo, as `sallyport init` would lay it out and a team would have filled it.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context as _;
use control::files;

const GATEWAY: &str = include_str!("files/sallyport.yaml");
const TEAMS: &str = include_str!("files/teams.yaml");
const API: &str = include_str!("files/api.yaml");
const DOCUMENT: &str = include_str!("files/openapi.yaml");
const LOCK: &str = include_str!("files/groups.lock");
const GRANTS: &str = include_str!("files/grants.cedar");
const GUARDS: &str = include_str!("files/guards.cedar");

/// Stands in `files/api.yaml` where the sample API's port belongs, which is another each time.
const UPSTREAM: &str = "http://127.0.0.1:9000";

/// Writes the repository, or, in a folder that has one already, only where the sample API is this time.
pub(super) fn write(folder: &Path, upstream: SocketAddr) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let api = API.replace(UPSTREAM, &format!("http://{upstream}"));
    if !folder.join("sallyport.yaml").exists() {
        let new = [
            ("sallyport.yaml", GATEWAY),
            ("teams.yaml", TEAMS),
            ("apis/orders/openapi.yaml", DOCUMENT),
            ("apis/orders/groups.lock", LOCK),
            ("policies/grants.cedar", GRANTS),
            ("policies/guards.cedar", GUARDS),
        ];
        let new: Vec<(String, Vec<u8>)> =
            new.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect();
        files::create_all(folder, &new)?;
    }
    files::replace(folder, "apis/orders/api.yaml", api.as_bytes())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_loads_without_errors_and_only_overlaps_are_linted() {
        let files = [
            ("sallyport.yaml", GATEWAY),
            ("teams.yaml", TEAMS),
            ("apis/orders/api.yaml", API),
            ("apis/orders/openapi.yaml", DOCUMENT),
            ("apis/orders/groups.lock", LOCK),
            ("policies/grants.cedar", GRANTS),
            ("policies/guards.cedar", GUARDS),
        ];
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect();
        let checked = control::check::check(&files).unwrap();
        // The document has a colon verb beside a parameter, as real ones do; that lint is part of what is shown.
        let warnings = checked.warnings.iter().map(ToString::to_string);
        let warnings: Vec<_> = warnings.filter(|text| !text.contains("takes paths that would fit")).collect();
        assert!(warnings.is_empty(), "{warnings:#?}");
        assert!(API.contains(UPSTREAM));
    }
}
