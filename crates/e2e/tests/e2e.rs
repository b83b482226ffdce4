//! The real program from outside: every promise that a user can see, as a test.
//!
//! Each test has a gateway of its own, started from a copy of one prepared repository, with an upstream of its own
//! that keeps every raw byte. Nothing sleeps; what takes time is waited for by what can be observed, with a bound.
//! `docs/threats.md` maps the security cases to the tests here.

#[cfg(test)]
#[path = "e2e"]
mod e2e {
    mod admin;
    mod answers;
    mod answers_through_nginx;
    mod bad_peers;
    mod certified_callers;
    mod client_certificates;
    mod demo;
    mod discover;
    mod discover_forged;
    mod discover_outputs;
    mod exchange;
    mod existing_keys;
    mod first_contact;
    mod framing;
    mod guessing;
    mod guide;
    mod headers;
    mod heads;
    mod incidents;
    mod inventory;
    mod keys;
    mod own_documents;
    mod own_key;
    mod partners;
    mod policy;
    mod policy_test;
    mod provider;
    mod real_upstreams;
    mod record;
    mod refusals;
    mod revisions;
    mod same_request;
    mod servers;
    mod stop_now;
    mod storage;
    mod streams;
    mod targets;
    mod threats;
    mod tls;
    mod tls_admin;
    mod tls_upstreams;
    mod tls_world;
    mod tokens;
    mod wire;
    mod world;
}
