//! The algorithms that a token can be signed with: asymmetric ones alone (RFC 7518 section 3.1, RFC 8037).
//!
//! There is no HMAC and no `none` here, so that neither can be chosen: not by a token, not by a key set, not by a
//! configuration (security cases 51 and 52).

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaPublicKeyComponents,
};

/// One algorithm. The key has it; the token may only repeat it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    Ed25519,
    Es256,
    Es384,
    Es512,
    Ps256,
    Ps384,
    Ps512,
    Rs256,
    Rs384,
    Rs512,
}

/// The kind of key that an algorithm needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyKind {
    Ed25519,
    P256,
    P384,
    P521,
    Rsa,
}

impl Algorithm {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Ed25519,
        Self::Es256,
        Self::Es384,
        Self::Es512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
    ];

    /// Those of an issuer whose configuration lists none, in order of preference.
    pub const DEFAULT: &[Self] = &[Self::Es256, Self::Rs256, Self::Ed25519, Self::Ps256];

    /// The name in `alg`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ed25519 => "EdDSA",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
        }
    }

    /// Reads a name; case counts (RFC 7515 section 4.1.1). `Ed25519` is the newer name of `EdDSA` with that curve
    /// (RFC 9864).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text == "Ed25519" {
            return Some(Self::Ed25519);
        }
        Self::ALL.iter().copied().find(|known| known.as_str() == text)
    }

    pub(crate) const fn kind(self) -> KeyKind {
        match self {
            Self::Ed25519 => KeyKind::Ed25519,
            Self::Es256 => KeyKind::P256,
            Self::Es384 => KeyKind::P384,
            Self::Es512 => KeyKind::P521,
            Self::Ps256 | Self::Ps384 | Self::Ps512 | Self::Rs256 | Self::Rs384 | Self::Rs512 => KeyKind::Rsa,
        }
    }

    /// A key on a curve from its encoded point; none where the bytes are no such point or the algorithm needs none.
    pub(crate) fn key_of_point(self, point: &[u8]) -> Option<ParsedPublicKey> {
        let key = match self {
            Self::Ed25519 => ParsedPublicKey::new(&ED25519, point),
            Self::Es256 => ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point),
            Self::Es384 => ParsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point),
            Self::Es512 => ParsedPublicKey::new(&ECDSA_P521_SHA512_FIXED, point),
            Self::Ps256 | Self::Ps384 | Self::Ps512 | Self::Rs256 | Self::Rs384 | Self::Rs512 => return None,
        };
        key.ok()
    }

    /// An RSA key from modulus and exponent; none where they make no key or the algorithm needs none.
    pub(crate) fn key_of_rsa(self, components: &RsaPublicKeyComponents<&[u8]>) -> Option<ParsedPublicKey> {
        let parameters = match self {
            Self::Ed25519 | Self::Es256 | Self::Es384 | Self::Es512 => return None,
            Self::Ps256 => &RSA_PSS_2048_8192_SHA256,
            Self::Ps384 => &RSA_PSS_2048_8192_SHA384,
            Self::Ps512 => &RSA_PSS_2048_8192_SHA512,
            Self::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
            Self::Rs384 => &RSA_PKCS1_2048_8192_SHA384,
            Self::Rs512 => &RSA_PKCS1_2048_8192_SHA512,
        };
        components.to_parsed_public_key(parameters).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_symmetric_algorithm_and_no_none_has_a_name() {
        for &algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::parse(algorithm.as_str()), Some(algorithm));
            assert_eq!(Algorithm::parse(&algorithm.as_str().to_lowercase()), None);
        }
        assert_eq!(Algorithm::parse("Ed25519"), Some(Algorithm::Ed25519));
        for name in [
            "none", "None", "NONE", "nOnE", "", "HS256", "HS384", "HS512", "ES256K", "RSA1_5", "dir",
            " RS256",
        ] {
            assert_eq!(Algorithm::parse(name), None, "{name}");
        }
    }
}
