//! What is known of the protected connection on which a request came.

use std::sync::Arc;

use crate::{Fingerprint, Refusal, Timestamp, Workload};

/// What a TLS handshake settled. Every request of the connection has it in common.
#[derive(Debug, PartialEq, Eq)]
pub struct Channel {
    server_name: Option<Box<str>>,
    certificate: Presented,
}

/// Whether the client showed a certificate, whose chain has then been verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presented {
    Nothing,
    /// One that names nobody, or more than one; why, as it is told to the client. It never counts as none.
    Unusable(Refusal),
    Usable(ClientCertificate),
    /// One that opened the door and names no caller.
    Transport(TransportCertificate),
}

/// A verified client certificate of the transport alone: of a proxy or a load balancer of the company's own, say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransportCertificate {
    pub fingerprint: Fingerprint,
    /// From when it counts.
    pub begins: Timestamp,
    /// The last moment at which it counts.
    pub ends: Timestamp,
}

/// A verified client certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// Whom it names.
    pub workload: Arc<Workload>,
    pub fingerprint: Fingerprint,
    /// From when it counts.
    pub begins: Timestamp,
    /// The last moment at which it counts. A connection may live longer.
    pub ends: Timestamp,
}

impl Channel {
    /// After a handshake in which the client asked for this host, if it named one.
    #[must_use]
    pub fn new(server_name: Option<&str>, certificate: Presented) -> Self {
        let plain = |name: &str| name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase().into();
        Self { server_name: server_name.map(plain), certificate }
    }

    /// The same channel with what its certificate is taken for by now.
    #[must_use]
    pub fn with(&self, certificate: Presented) -> Self {
        Self { server_name: self.server_name.clone(), certificate }
    }

    /// The host that the client asked for (RFC 6066 section 3), in lower case and without a final dot.
    #[must_use]
    pub fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }

    /// The certificate that the client showed.
    #[must_use]
    pub const fn certificate(&self) -> &Presented {
        &self.certificate
    }
}
