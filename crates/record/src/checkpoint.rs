//! Checkpoints (`c2sp.org/tlog-checkpoint`): origin, size and root of the tree as a signed note.

use base64::prelude::{BASE64_STANDARD, Engine};

use crate::note::{NoteError, Signer, Verifier, is_key_name};
use crate::tree::{Hash, LEAVES_MAX};

/// The state of a log at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    pub origin: String,
    pub size: u64,
    pub root: Hash,
}

/// Why a checkpoint is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    #[error("the note of the checkpoint is not sound")]
    Note(#[source] NoteError),
    #[error("a checkpoint is three lines: origin, size and root")]
    Form,
    #[error("the checkpoint is of another log")]
    Origin,
}

impl Checkpoint {
    /// The text that is signed.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, BASE64_STANDARD.encode(self.root.0))
    }

    /// Signs it as a note.
    pub fn sign(&self, signer: &Signer) -> Result<String, NoteError> {
        signer.sign(&self.text())
    }

    /// Reads the text of a checkpoint. Further lines are extensions, which a log like this does not have.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let lines = text.strip_suffix('\n').ok_or(CheckpointError::Form)?;
        let mut lines = lines.split('\n');
        let (Some(origin), Some(size), Some(root), None) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(CheckpointError::Form);
        };
        let number: u64 = size.parse().map_err(|_| CheckpointError::Form)?;
        let root: [u8; 32] = BASE64_STANDARD
            .decode(root)
            .ok()
            .and_then(|root| root.try_into().ok())
            .ok_or(CheckpointError::Form)?;
        if !is_key_name(origin) || number.to_string() != size || LEAVES_MAX < number {
            return Err(CheckpointError::Form);
        }
        Ok(Self { origin: origin.to_owned(), size: number, root: Hash(root) })
    }

    /// Verifies a note and reads the checkpoint of the verifier's own log in it.
    pub fn verify(note: &[u8], verifier: &Verifier) -> Result<Self, CheckpointError> {
        let checkpoint = Self::parse(verifier.verify(note).map_err(CheckpointError::Note)?)?;
        if checkpoint.origin == verifier.name() { Ok(checkpoint) } else { Err(CheckpointError::Origin) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::empty_root;

    #[test]
    fn reads_back_what_it_signs() {
        let signer = Signer::from_seed("example.com/log", &[7; 32]).unwrap();
        let checkpoint = Checkpoint { origin: "example.com/log".into(), size: 0, root: empty_root() };
        assert_eq!(checkpoint.text(), "example.com/log\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n");
        let note = checkpoint.sign(&signer).unwrap();
        assert_eq!(Checkpoint::verify(note.as_bytes(), signer.verifier()), Ok(checkpoint.clone()));
        let other = Checkpoint { origin: "example.com/other".into(), ..checkpoint }.sign(&signer).unwrap();
        assert_eq!(Checkpoint::verify(other.as_bytes(), signer.verifier()), Err(CheckpointError::Origin));
    }

    #[test]
    fn refuses_what_has_another_spelling() {
        let root = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        assert!(Checkpoint::parse(&format!("log\n7\n{root}\n")).is_ok());
        for text in [
            String::new(),
            format!("log\n7\n{root}"),
            format!("log\n07\n{root}\n"),
            format!("log\n+7\n{root}\n"),
            format!("log\n-7\n{root}\n"),
            format!("log\n18446744073709551615\n{root}\n"),
            format!("log\n7\n{root}\nmore\n"),
            format!("\n7\n{root}\n"),
            format!("l g\n7\n{root}\n"),
            "log\n7\nAAAA\n".into(),
            "log\n7\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=\n".into(),
        ] {
            assert_eq!(Checkpoint::parse(&text), Err(CheckpointError::Form), "{text:?}");
        }
    }
}
