//! The request path as tables: a small gateway, requests, what becomes of them.
