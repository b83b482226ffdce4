//! Operations for tests.

use inventory::{Callers, Drift, Exposure, Operation, Parameter, State, Stated, StatusCount, ValueKind};

/// An operation that was seen `count` times.
pub(super) fn seen(state: State, path: &str, count: u64) -> Stated {
    let operation = Operation {
        host: "shop.example".to_owned(),
        method: "GET",
        path: path.to_owned(),
        parameters: vec![Parameter { name: "id".to_owned(), kind: ValueKind::Integer }],
        count,
        succeeded: count,
        statuses: vec![StatusCount { status: 200, count }],
        first_seen: Some(1_790_000_000_000),
        last_seen: Some(1_790_000_100_000),
        callers: Callers { estimate: 3, sample: vec!["billing".to_owned()], named: count },
        confidence: 0.98,
        reasons: Vec::new(),
        examples: vec![path.to_owned()],
        content_types: vec!["application/json".to_owned()],
        open_successes: 0,
        verified_successes: 0,
        untold_successes: count,
        client_side: 0,
        deprecated: 0,
        sunset: None,
        from_route: false,
        own_statuses: Vec::new(),
        request_types: Vec::new(),
        query: Vec::new(),
        data: Vec::new(),
    };
    Stated {
        state,
        host: operation.host.clone(),
        method: operation.method.to_owned(),
        path: operation.path.clone(),
        seen: Some(operation),
        why: String::new(),
        drift: Drift::default(),
        exposure: (Exposure::Unknown, String::new()),
    }
}

/// One that is only in a document.
pub(super) fn orphan(path: &str) -> Stated {
    Stated { seen: None, ..seen(State::Orphan, path, 0) }
}
