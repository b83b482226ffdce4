//! The side that calls: an upstream, or whoever publishes a key set.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::client::Resumption;

use crate::error::{FileFault, TlsFileError};
use crate::roots::Roots;
use crate::{HTTP_1_1, VERSIONS, provider};

/// Sessions of servers that are remembered so that a handshake can be shorter.
const SESSIONS_MAX: usize = 256;

/// How to call a server that must prove, by a chain to one of `roots`, that it bears the name by which it is called.
///
/// Sessions are resumed only within one configuration, so who was verified by other roots is verified anew.
///
/// # Errors
///
/// The roots cannot be read.
pub fn client_config(roots: &Roots) -> Result<Arc<ClientConfig>, TlsFileError> {
    let store = roots.load()?;
    let fail = |error| TlsFileError { path: path_of(roots), fault: FileFault::Config(error) };
    let builder =
        ClientConfig::builder_with_provider(provider()).with_protocol_versions(VERSIONS).map_err(fail)?;
    let mut config = builder.with_root_certificates(store).with_no_client_auth();
    config.alpn_protocols = vec![HTTP_1_1.to_vec()];
    config.resumption = Resumption::in_memory_sessions(SESSIONS_MAX);
    // Said although it is the library's default: a first flight that can be replayed is never sent.
    config.enable_early_data = false;
    Ok(Arc::new(config))
}

fn path_of(roots: &Roots) -> PathBuf {
    match roots {
        Roots::File(path) => path.clone(),
        Roots::System => PathBuf::new(),
    }
}
