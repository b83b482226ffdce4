//! Why a use case did not happen, in words for whoever asked.

use config::ConfigError;
use store::StoreError;

use crate::actor::Needs;
use crate::files::FilesError;

/// Why a use case did not happen. Whatever the kind, nothing was half done, but for the three that say that something
/// is stopped: it is, at once.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    #[error("this needs the role `{}`; yours is `{role}`", .needs.as_str())]
    Forbidden { needs: Needs, role: &'static str },
    #[error("{what} is not your team's; ask its owner, or an administrator")]
    NotYours { what: String },
    #[error("`{api}` is for the team `{team}` to change, and `teams.yaml` does not list you in it")]
    NotOwner { api: String, team: String },
    #[error("the credential is not valid")]
    Unauthenticated,
    #[error("{reason}; {fix}")]
    Invalid { reason: String, fix: String },
    #[error("there is no {what} `{name}`")]
    Absent { what: &'static str, name: String },
    #[error("{what} `{name}` exists already")]
    Exists { what: &'static str, name: String },
    #[error("{} in the files; the first: {}", count(.0), first(.0))]
    Files(Vec<ConfigError>),
    #[error("the files could not be read or written")]
    Folder(#[from] FilesError),
    #[error("the store refused")]
    Store(#[source] StoreError),
    #[error("the change could not be recorded, so it was not made")]
    NotRecorded,
    #[error(
        "{what} is stopped, in this process alone: neither the log nor the store took it ({cause}); both are tried again every few seconds, and as long as `/readyz` names it a restart would undo it"
    )]
    StoppedNotKept { what: String, cause: String },
    #[error(
        "{what} is stopped, for good, and not recorded: the log took no entry; it is recorded as soon as the log takes entries"
    )]
    StoppedNotRecorded { what: String },
    #[error(
        "{what} is stopped and recorded, and not stored: the store did not take it ({cause}); it is tried again every few seconds, and at the next start from the log"
    )]
    StoppedNotStored { what: String, cause: String },
    #[error("a secret could not be made or opened: {what}")]
    Secret { what: String },
    #[error("the log could not be read: {what}")]
    Log { what: String },
    #[error(
        "the log is damaged and was left as it is: {what}; `audit verify` says what of it is sound. Restore `{folder}` from a backup, or move it away to keep it: the gateway then begins a new log, which names the last checkpoint that is known of this one"
    )]
    DamagedLog { what: String, folder: String },
}

/// What kind of failure it is, for exit codes and HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    Absent,
    Conflict,
    Forbidden,
    Invalid,
    Internal,
    /// It was stopped; that is not kept as it should be.
    Stopped,
    Unauthenticated,
}

impl ControlError {
    /// A mistake of the caller, with what to do instead.
    pub fn invalid(reason: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::Invalid { reason: reason.into(), fix: fix.into() }
    }

    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Absent { .. } => ErrorKind::Absent,
            Self::Exists { .. } => ErrorKind::Conflict,
            Self::Forbidden { .. } | Self::NotOwner { .. } | Self::NotYours { .. } => ErrorKind::Forbidden,
            Self::Invalid { .. } | Self::Files(_) => ErrorKind::Invalid,
            Self::Folder(FilesError::Exists { .. }) => ErrorKind::Conflict,
            Self::Folder(FilesError::NotAFile { .. }) => ErrorKind::Invalid,
            Self::Folder(_)
            | Self::NotRecorded
            | Self::Secret { .. }
            | Self::Log { .. }
            | Self::DamagedLog { .. } => ErrorKind::Internal,
            Self::StoppedNotKept { .. } | Self::StoppedNotRecorded { .. } | Self::StoppedNotStored { .. } => {
                ErrorKind::Stopped
            }
            Self::Store(error) => match error {
                StoreError::Absent { .. } => ErrorKind::Absent,
                StoreError::Exists { .. } | StoreError::Refused { .. } => ErrorKind::Conflict,
                _ => ErrorKind::Internal,
            },
            Self::Unauthenticated => ErrorKind::Unauthenticated,
        }
    }
}

impl From<StoreError> for ControlError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Absent { what, name } => Self::Absent { what, name },
            StoreError::Exists { what, name } => Self::Exists { what, name },
            StoreError::Refused { what, name, why } => Self::Invalid {
                reason: format!("{what} `{name}` {why}"),
                fix: "see its current state".to_owned(),
            },
            other => Self::Store(other),
        }
    }
}

fn count(errors: &[ConfigError]) -> String {
    match errors.len() {
        1 => "1 error".to_owned(),
        count => format!("{count} errors"),
    }
}

fn first(errors: &[ConfigError]) -> String {
    errors.first().map(ToString::to_string).unwrap_or_default()
}
