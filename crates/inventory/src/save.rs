//! The state as bytes.

/// Why bytes are no state.
#[derive(Debug, thiserror::Error)]
pub enum LoadInventoryError {
    /// No state, or a damaged one.
    #[error("no saved inventory: {0}")]
    Malformed(String),
    /// Written by a newer version.
    #[error("the saved inventory has format {found}; this program reads up to {known}")]
    Newer {
        /// In the bytes.
        found: u64,
        /// Known here.
        known: u64,
    },
}
