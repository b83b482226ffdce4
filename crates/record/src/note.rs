//! C2SP signed notes (`c2sp.org/signed-note`) with Ed25519 signatures.
//!
//! A note is text that ends with a newline, an empty line, and signature lines. A verifier knows keys by name and
//! id; signatures of others are passed over, a bad signature of a known key refuses the note.

use std::fmt;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::prelude::{BASE64_STANDARD, Engine};
use sha2::{Digest, Sha256};

/// The longest note, in bytes.
pub const NOTE_BYTES_MAX: usize = 64 << 10;
/// The most signatures of a note; the specification asks for 16 at least.
pub const SIGNATURES_MAX: usize = 64;
/// The longest name of a key, in bytes.
pub const KEY_NAME_BYTES_MAX: usize = 255;

/// The type byte of Ed25519 in key ids and verifier keys.
const ED25519_TYPE: u8 = 1;
/// What a signature line begins with: an em dash and a space.
const DASH: &str = "\u{2014} ";

/// Why a note, a key or a signature is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    #[error("the name of a key holds a space, a `+` or a control character, is empty, or is too long")]
    KeyName,
    #[error("the seed is no Ed25519 key")]
    Seed,
    #[error("the verifier key is not written NAME+ID+KEY with the id of that key")]
    VerifierKey,
    #[error("the note is too long")]
    TooLong,
    #[error("the note is not text of lines, an empty line and signatures")]
    Form,
    #[error("no signature of the note is by a known key")]
    Unsigned,
    #[error("a signature by a known key does not verify")]
    BadSignature,
}

/// The id of a key: the first four bytes of `SHA-256(name || 0x0A || 0x01 || key)`.
fn key_id(name: &str, key: &[u8; 32]) -> [u8; 4] {
    let digest =
        Sha256::new().chain_update(name).chain_update([b'\n', ED25519_TYPE]).chain_update(key).finalize();
    let [a, b, c, d, ..]: [u8; 32] = digest.into();
    [a, b, c, d]
}

/// Whether `name` can stand in a signature line and as the origin of a log.
#[must_use]
pub fn is_key_name(name: &str) -> bool {
    let plain = |character: char| !character.is_whitespace() && !character.is_control() && character != '+';
    !name.is_empty() && name.len() <= KEY_NAME_BYTES_MAX && name.chars().all(plain)
}

/// Signs notes; its key is never printed.
pub struct Signer {
    name: String,
    key: Ed25519KeyPair,
    verifier: Verifier,
}

impl fmt::Debug for Signer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Signer").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Signer {
    /// Makes a signer from the key's 32-byte seed.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, NoteError> {
        let key = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| NoteError::Seed)?;
        let public: [u8; 32] = key.public_key().as_ref().try_into().map_err(|_| NoteError::Seed)?;
        Ok(Self { name: name.to_owned(), key, verifier: Verifier::new(name, public)? })
    }

    /// What verifies this signer's notes.
    #[must_use]
    pub const fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// Signs a text, which must end with a newline and hold no empty line at its end.
    pub fn sign(&self, text: &str) -> Result<String, NoteError> {
        check_text(text)?;
        let mut signature = self.verifier.id.to_vec();
        signature.extend_from_slice(self.key.sign(text.as_bytes()).as_ref());
        Ok(format!("{text}\n{DASH}{} {}\n", self.name, BASE64_STANDARD.encode(signature)))
    }
}

/// Verifies the notes of one key. Its text form is the verifier key, `NAME+ID+KEY`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    id: [u8; 4],
    key: [u8; 32],
}

impl Verifier {
    /// A verifier for a raw Ed25519 public key.
    pub fn new(name: &str, key: [u8; 32]) -> Result<Self, NoteError> {
        if !is_key_name(name) {
            return Err(NoteError::KeyName);
        }
        Ok(Self { name: name.to_owned(), id: key_id(name, &key), key })
    }

    /// Reads a verifier key.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let (name, rest) = text.split_once('+').ok_or(NoteError::VerifierKey)?;
        let (id, key) = rest.split_once('+').ok_or(NoteError::VerifierKey)?;
        let key = BASE64_STANDARD.decode(key).map_err(|_| NoteError::VerifierKey)?;
        let Some((&ED25519_TYPE, key)) = key.split_first() else {
            return Err(NoteError::VerifierKey);
        };
        let verifier = Self::new(name, key.try_into().map_err(|_| NoteError::VerifierKey)?)?;
        if hex(verifier.id) == id { Ok(verifier) } else { Err(NoteError::VerifierKey) }
    }

    /// The name of the key, which is the origin of its log.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Verifies a note and returns its text.
    pub fn verify<'a>(&self, note: &'a [u8]) -> Result<&'a str, NoteError> {
        let (text, signatures) = split(note)?;
        let mut verified = false;
        for line in signatures {
            let (name, signature) = signature_line(line)?;
            let Some((id, signature)) = signature.split_first_chunk::<4>() else {
                return Err(NoteError::Form);
            };
            if name != self.name || *id != self.id {
                continue;
            }
            let key = UnparsedPublicKey::new(&ED25519, self.key);
            key.verify(text.as_bytes(), signature).map_err(|_| NoteError::BadSignature)?;
            verified = true;
        }
        if verified { Ok(text) } else { Err(NoteError::Unsigned) }
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![ED25519_TYPE];
        key.extend_from_slice(&self.key);
        write!(formatter, "{}+{}+{}", self.name, hex(self.id), BASE64_STANDARD.encode(key))
    }
}

fn hex(id: [u8; 4]) -> String {
    format!("{:08x}", u32::from_be_bytes(id))
}

fn check_text(text: &str) -> Result<(), NoteError> {
    let control = text.chars().any(|character| character != '\n' && character.is_ascii_control());
    if NOTE_BYTES_MAX < text.len() {
        return Err(NoteError::TooLong);
    }
    if !text.ends_with('\n') || control { Err(NoteError::Form) } else { Ok(()) }
}

/// Splits a note into its text and its signature lines; the last empty line separates them.
fn split(note: &[u8]) -> Result<(&str, impl Iterator<Item = &str>), NoteError> {
    if NOTE_BYTES_MAX < note.len() {
        return Err(NoteError::TooLong);
    }
    let note = std::str::from_utf8(note).map_err(|_| NoteError::Form)?;
    let at = note.rfind("\n\n").ok_or(NoteError::Form)?;
    let (text, signatures) = note.split_at_checked(at + 1).ok_or(NoteError::Form)?;
    check_text(text)?;
    let lines =
        signatures.strip_prefix('\n').and_then(|lines| lines.strip_suffix('\n')).ok_or(NoteError::Form)?;
    if SIGNATURES_MAX < lines.split('\n').count() {
        return Err(NoteError::Form);
    }
    Ok((text, lines.split('\n')))
}

fn signature_line(line: &str) -> Result<(&str, Vec<u8>), NoteError> {
    let rest = line.strip_prefix(DASH).ok_or(NoteError::Form)?;
    let (name, signature) = rest.split_once(' ').ok_or(NoteError::Form)?;
    if !is_key_name(name) {
        return Err(NoteError::Form);
    }
    let signature = BASE64_STANDARD.decode(signature).map_err(|_| NoteError::Form)?;
    Ok((name, signature))
}

#[cfg(test)]
mod tests;
