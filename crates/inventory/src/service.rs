//! Paths by which a host is run rather than used: probes, metrics, and what describes the host to machines.
//!
//! They answer with success and are no operations of an API, unless a document declares them.

use crate::inventory::Inventory;
use crate::noise::{NoiseKind, NoiseReport};
use crate::operation::Operation;

/// Whole paths. Whoever has an operation of such a name has it below something, or declares it.
const PATHS: [&str; 22] = [
    "/actuator/health",
    "/actuator/prometheus",
    "/asyncapi.json",
    "/favicon.ico",
    "/health",
    "/healthz",
    "/livez",
    "/manifest.json",
    "/manifest.webmanifest",
    "/metrics",
    "/openapi.json",
    "/openapi.yaml",
    "/openapi.yml",
    "/readyz",
    "/robots.txt",
    "/sitemap.xml",
    "/swagger.json",
    "/swagger.yaml",
    "/v2/api-docs",
    "/v3/api-docs",
    "/_health",
    "/_metrics",
];

/// Whether an operation is one of them and nobody declares it.
pub(crate) fn is_service(inventory: &Inventory, operation: &Operation) -> bool {
    let is_known = PATHS.contains(&operation.path.as_str()) || operation.path.starts_with("/.well-known/");
    let is_declared = || {
        inventory.settings.priors.iter().any(|prior| {
            prior.host.as_ref().is_none_or(|host| *host == operation.host)
                && prior.method.eq_ignore_ascii_case(operation.method)
                && prior.path == operation.path
        })
    };
    matches!(operation.method, "GET" | "HEAD") && is_known && !is_declared()
}

/// Adds them to what is no operation.
pub(crate) fn report(services: Vec<Operation>, noise: &mut Vec<NoiseReport>) {
    for service in services {
        let is_of =
            |report: &&mut NoiseReport| report.host == service.host && report.kind == NoiseKind::Service;
        match noise.iter_mut().find(is_of) {
            Some(report) => {
                report.count = report.count.saturating_add(service.count);
                report.samples.push(service.path);
            }
            None => noise.push(NoiseReport {
                host: service.host,
                kind: NoiseKind::Service,
                count: service.count,
                samples: vec![service.path],
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Inventory, NoiseKind, Prior, Settings};

    fn seen(settings: Settings, method: &'static str, path: &str) -> (usize, Vec<(NoiseKind, u64)>) {
        let mut inventory = Inventory::new(settings);
        for _ in 0..3 {
            inventory.observe(&traffic::Exchange {
                host: Some("h"),
                method,
                path,
                status: Some(200),
                response_type: Some("text/plain"),
                ..traffic::Exchange::default()
            });
        }
        let noise = inventory.noise().into_iter().map(|report| (report.kind, report.count)).collect();
        (inventory.operations().len(), noise)
    }

    #[test]
    fn probes_are_told_apart_unless_they_are_declared() {
        let service = vec![(NoiseKind::Service, 3)];
        assert_eq!(seen(Settings::default(), "GET", "/metrics"), (0, service.clone()));
        assert_eq!(seen(Settings::default(), "GET", "/.well-known/openid-configuration"), (0, service));
        assert_eq!(seen(Settings::default(), "POST", "/metrics"), (1, vec![]));
        assert_eq!(seen(Settings::default(), "GET", "/v1/metrics"), (1, vec![]));
        let prior = Prior {
            host: Some("h".into()),
            method: "get".into(),
            path: "/metrics".into(),
            ..Prior::default()
        };
        let declared = Settings { priors: vec![prior], ..Settings::default() };
        assert_eq!(seen(declared, "GET", "/metrics"), (1, vec![]));
        let prior = Prior {
            host: Some("other".into()),
            method: "GET".into(),
            path: "/metrics".into(),
            ..Prior::default()
        };
        let elsewhere = Settings { priors: vec![prior], ..Settings::default() };
        assert_eq!(seen(elsewhere, "GET", "/metrics").0, 0);
    }
}
