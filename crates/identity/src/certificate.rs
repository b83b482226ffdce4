//! The caller that the client certificate of a connection names. Its chain was verified in the handshake; whether it
//! still counts is asked at each request, because a connection, and a resumed session, can outlive it.

use std::sync::Arc;

use model::channel::{ClientCertificate, TransportCertificate};
use model::{
    Caller, CanonicalRequest, Client, CredentialRef, DenyReason, Presented, Refusal, Strength, Timestamp,
};

/// A certificate whose time is over.
const ENDED: Refusal = Refusal::new(
    DenyReason::ExpiredCredential,
    "certificate_ended",
    "the client certificate of this connection has ended; connect again with a renewed one",
);
/// A certificate whose time has not come.
const NOT_YET: Refusal = Refusal::new(
    DenyReason::InvalidCredential,
    "certificate_not_yet",
    "the client certificate of this connection does not count yet",
);

/// The workload that the certificate names; none where none was shown.
///
/// # Errors
///
/// One was shown that names nobody, or this is not its time. It never counts as none.
pub(crate) fn caller_of(request: &CanonicalRequest, now: Timestamp) -> Result<Option<Caller>, Refusal> {
    let Some(channel) = request.channel() else { return Ok(None) };
    match channel.certificate() {
        Presented::Nothing => Ok(None),
        Presented::Unusable(refusal) => Err(*refusal),
        Presented::Usable(ClientCertificate { workload, fingerprint, begins, ends }) => {
            check_time(*begins, *ends, now)?;
            Ok(Some(Caller::client(
                Client::Workload(Arc::clone(workload)),
                Strength::Bound,
                CredentialRef::Certificate(*fingerprint),
            )))
        }
        // It names no caller, and neither makes one stronger: whoever stands behind it may be anybody.
        Presented::Transport(TransportCertificate { begins, ends, .. }) => {
            check_time(*begins, *ends, now).map(|()| None)
        }
    }
}

fn check_time(begins: Timestamp, ends: Timestamp, now: Timestamp) -> Result<(), Refusal> {
    if ends < now {
        return Err(ENDED);
    }
    if now < begins { Err(NOT_YET) } else { Ok(()) }
}
