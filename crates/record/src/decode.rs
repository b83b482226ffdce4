//! Bytes to entries, without a copy.
//!
//! Whatever decodes would be encoded to the same bytes; what has another spelling is refused. Lists are checked
//! once, here, so that walking them later cannot fail.

use std::net::IpAddr;

use model::{DecisionId, DenyReason, KeyId, RevisionNumber, Snapshots, Strength, Timestamp, Verdict};

use crate::bytes::{Cursor, DecodeError, Texts};
use crate::encode::{ENTRY_VERSION, kind};
use crate::tree::Hash;
use crate::{
    Carried, Change, ClientRef, Closed, Completed, Continued, Ending, Loss, Opened, ParamHash, ParamRef,
    Pruned, code,
};

/// A decision's public part as stored.
#[derive(Clone, Debug)]
pub struct DecidedView<'a> {
    pub id: DecisionId,
    pub time: Timestamp,
    pub snapshots: Snapshots,
    pub verdict: Verdict,
    pub reason: Option<DenyReason>,
    /// The refusal's own code; empty where it is the reason's.
    pub code: &'a str,
    pub api: &'a str,
    pub operation: &'a str,
    pub mode: Carried,
    pub strength: Strength,
    pub policies: Texts<'a>,
    pub observed: Texts<'a>,
}

/// What the figures and the index need of a decision, read without looking at the rest.
#[derive(Clone, Copy, Debug)]
pub struct DecidedHead<'a> {
    pub id: DecisionId,
    pub time: Timestamp,
    pub verdict: Verdict,
    pub reason: Option<DenyReason>,
    pub api: &'a str,
    pub operation: &'a str,
}

impl<'a> DecidedHead<'a> {
    /// Reads the front of a public part; what stands behind the operation is not looked at.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut cursor = Cursor::new(bytes);
        let id = DecisionId::from_bytes(cursor.array()?);
        let time = time(&mut cursor)?;
        for _snapshot in 0..3 {
            cursor.varint()?;
        }
        let [verdict, reason, _mode, _strength] = cursor.array()?;
        let code = usize::try_from(cursor.varint()?).map_err(|_| DecodeError::Text)?;
        cursor.take(code)?;
        Ok(Self {
            id,
            time,
            verdict: code::verdict(verdict)?,
            reason: code::reason(reason)?,
            api: cursor.text()?,
            operation: cursor.text()?,
        })
    }
}

/// A leaf as stored.
#[derive(Clone, Debug)]
pub enum Leaf<'a> {
    Change(Change<'a>),
    Closed(Closed),
    Completed(Completed),
    /// The hash commits to the personal part.
    Decided(DecidedView<'a>, Hash),
    Loss(Loss),
    Opened(Opened<'a>),
    Pruned(Pruned),
    /// Decision and ending in one leaf.
    Whole(DecidedView<'a>, Hash, Completed),
}

impl<'a> Leaf<'a> {
    /// Reads a leaf.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut cursor = Cursor::new(bytes);
        if cursor.byte()? != ENTRY_VERSION {
            return Err(DecodeError::Version);
        }
        let leaf = match cursor.byte()? {
            kind::DECIDED => Self::Decided(DecidedView::read(&mut cursor)?, Hash(cursor.array()?)),
            kind::COMPLETED => {
                let id = DecisionId::from_bytes(cursor.array()?);
                Self::Completed(ending(&mut cursor, id)?)
            }
            kind::WHOLE => {
                let decided = DecidedView::read(&mut cursor)?;
                let commitment = Hash(cursor.array()?);
                let completed = ending(&mut cursor, decided.id)?;
                Self::Whole(decided, commitment, completed)
            }
            kind::CHANGE => Self::Change(Change {
                time: time(&mut cursor)?,
                actor: cursor.text()?,
                action: cursor.text()?,
                object: cursor.text()?,
                reason: cursor.text()?,
                revision: RevisionNumber(cursor.varint()?),
            }),
            kind::LOSS => Self::Loss(Loss {
                time: time(&mut cursor)?,
                cause: code::cause(cursor.byte()?)?,
                count: cursor.varint()?,
            }),
            kind::OPENED => Self::Opened(opened(&mut cursor)?),
            kind::PRUNED => Self::Pruned(Pruned {
                time: time(&mut cursor)?,
                before: cursor.varint()?,
                segments: cursor.varint()?,
            }),
            kind::CLOSED => Self::Closed(Closed { time: time(&mut cursor)? }),
            _ => return Err(DecodeError::Code),
        };
        cursor.end()?;
        Ok(leaf)
    }

    /// The decision in this leaf.
    #[must_use]
    pub const fn decided(&self) -> Option<&DecidedView<'a>> {
        match self {
            Self::Decided(decided, _) | Self::Whole(decided, _, _) => Some(decided),
            Self::Change(_)
            | Self::Closed(_)
            | Self::Completed(_)
            | Self::Loss(_)
            | Self::Opened(_)
            | Self::Pruned(_) => None,
        }
    }

    /// The ending in this leaf.
    #[must_use]
    pub const fn completed(&self) -> Option<&Completed> {
        match self {
            Self::Completed(completed) | Self::Whole(_, _, completed) => Some(completed),
            Self::Change(_)
            | Self::Closed(_)
            | Self::Decided(..)
            | Self::Loss(_)
            | Self::Opened(_)
            | Self::Pruned(_) => None,
        }
    }

    /// What the leaf commits its personal part with.
    #[must_use]
    pub const fn commitment(&self) -> Option<Hash> {
        match self {
            Self::Decided(_, commitment) | Self::Whole(_, commitment, _) => Some(*commitment),
            Self::Change(_)
            | Self::Closed(_)
            | Self::Completed(_)
            | Self::Loss(_)
            | Self::Opened(_)
            | Self::Pruned(_) => None,
        }
    }

    /// The request that the leaf is about.
    #[must_use]
    pub fn id(&self) -> Option<DecisionId> {
        self.decided().map(|decided| decided.id).or_else(|| self.completed().map(|completed| completed.id))
    }

    /// When it happened; for a whole request, when it was decided.
    #[must_use]
    pub const fn time(&self) -> Timestamp {
        match self {
            Self::Change(change) => change.time,
            Self::Closed(closed) => closed.time,
            Self::Completed(completed) => completed.time,
            Self::Decided(decided, _) | Self::Whole(decided, _, _) => decided.time,
            Self::Loss(loss) => loss.time,
            Self::Opened(opened) => opened.time,
            Self::Pruned(pruned) => pruned.time,
        }
    }
}

impl<'a> DecidedView<'a> {
    /// Reads the public part alone, as a worker wrote it.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut cursor = Cursor::new(bytes);
        let view = Self::read(&mut cursor)?;
        cursor.end()?;
        Ok(view)
    }

    fn read(cursor: &mut Cursor<'a>) -> Result<Self, DecodeError> {
        let id = DecisionId::from_bytes(cursor.array()?);
        let time = time(cursor)?;
        let snapshots = Snapshots {
            revision: RevisionNumber(cursor.varint()?),
            keys: cursor.varint()?,
            stops: cursor.varint()?,
        };
        let [verdict, reason, mode, strength] = cursor.array()?;
        Ok(Self {
            id,
            time,
            snapshots,
            verdict: code::verdict(verdict)?,
            reason: code::reason(reason)?,
            mode: code::mode(mode)?,
            strength: code::strength(strength)?,
            code: cursor.text()?,
            api: cursor.text()?,
            operation: cursor.text()?,
            policies: cursor.texts()?,
            observed: cursor.texts()?,
        })
    }
}

impl Completed {
    /// Reads an ending alone, as a worker wrote it.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut cursor = Cursor::new(bytes);
        let id = DecisionId::from_bytes(cursor.array()?);
        let completed = ending(&mut cursor, id)?;
        cursor.end()?;
        Ok(completed)
    }
}

fn time(cursor: &mut Cursor<'_>) -> Result<Timestamp, DecodeError> {
    cursor.array().map(i64::from_be_bytes).map(Timestamp::from_micros)
}

fn ending(cursor: &mut Cursor<'_>, id: DecisionId) -> Result<Completed, DecodeError> {
    Ok(Completed {
        id,
        time: time(cursor)?,
        status: u16::from_be_bytes(cursor.array()?),
        outcome: code::outcome(cursor.byte()?)?,
        request_bytes: cursor.varint()?,
        response_bytes: cursor.varint()?,
        time_to_decision_us: cursor.varint()?,
        upstream_us: cursor.varint()?,
        total_us: cursor.varint()?,
    })
}

fn opened<'a>(cursor: &mut Cursor<'a>) -> Result<Opened<'a>, DecodeError> {
    Ok(Opened {
        time: time(cursor)?,
        origin: cursor.text()?,
        software: cursor.text()?,
        before: match cursor.byte()? {
            0 => Ending::New,
            1 => Ending::Closed,
            2 => Ending::Torn { bytes: cursor.varint()? },
            _ => return Err(DecodeError::Code),
        },
        continues: match cursor.byte()? {
            0 => None,
            1 => Some(Continued { origin: cursor.text()?, size: cursor.varint()?, root: cursor.array()? }),
            _ => return Err(DecodeError::Code),
        },
    })
}

/// A decision's personal part as stored.
#[derive(Clone, Debug)]
pub struct PersonalView<'a> {
    pub client: ClientRef<'a>,
    pub team: Option<&'a str>,
    pub user: Option<&'a str>,
    pub key: Option<KeyId>,
    pub source_ip: Option<IpAddr>,
    pub method: Option<&'a str>,
    pub trace_id: Option<[u8; 16]>,
    pub params: Params<'a>,
    pub attributes: Attributes<'a>,
}

/// Path parameters by name; checked when the entry was read.
#[derive(Clone, Debug)]
pub struct Params<'a> {
    count: usize,
    cursor: Cursor<'a>,
}

/// Attributes by name; checked when the entry was read.
#[derive(Clone, Debug)]
pub struct Attributes<'a> {
    count: usize,
    cursor: Cursor<'a>,
}

/// An attribute's value as stored.
#[derive(Clone, Debug)]
pub enum AttributeView<'a> {
    Bool(bool),
    Long(i64),
    Text(&'a str),
    TextSet(Texts<'a>),
}

impl<'a> PersonalView<'a> {
    /// Reads the client alone, which stands first.
    pub fn client_of(bytes: &'a [u8]) -> Result<ClientRef<'a>, DecodeError> {
        Ok(ClientRef::of_stored(Cursor::new(bytes).optional_text()?))
    }

    /// Reads a personal part.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut cursor = Cursor::new(bytes);
        let view = Self {
            client: ClientRef::of_stored(cursor.optional_text()?),
            team: cursor.optional_text()?,
            user: cursor.optional_text()?,
            key: match cursor.optional_text()? {
                None => None,
                Some(text) => Some(KeyId::parse(text.as_bytes()).map_err(|_| DecodeError::Code)?),
            },
            source_ip: match cursor.byte()? {
                0 => None,
                4 => Some(IpAddr::from(cursor.array::<4>()?)),
                6 => Some(IpAddr::from(cursor.array::<16>()?)),
                _ => return Err(DecodeError::Code),
            },
            method: cursor.optional_text()?,
            trace_id: match cursor.byte()? {
                0 => None,
                1 => Some(cursor.array()?),
                _ => return Err(DecodeError::Code),
            },
            params: Params::read(&mut cursor)?,
            attributes: Attributes::read(&mut cursor)?,
        };
        cursor.end()?;
        Ok(view)
    }
}

impl<'a> Params<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, DecodeError> {
        let count = cursor.count()?;
        let params = Self { count, cursor: cursor.clone() };
        for _ in 0..count {
            param(cursor)?;
        }
        Ok(params)
    }
}

impl<'a> Iterator for Params<'a> {
    type Item = (&'a str, ParamRef<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.count = self.count.checked_sub(1)?;
        param(&mut self.cursor).ok()
    }
}

fn param<'a>(cursor: &mut Cursor<'a>) -> Result<(&'a str, ParamRef<'a>), DecodeError> {
    let name = cursor.text()?;
    let value = match cursor.byte()? {
        0 => ParamRef::Hashed(ParamHash(u64::from_be_bytes(cursor.array()?))),
        1 => ParamRef::Text(cursor.text()?),
        _ => return Err(DecodeError::Code),
    };
    Ok((name, value))
}

impl<'a> Attributes<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, DecodeError> {
        let count = cursor.count()?;
        let attributes = Self { count, cursor: cursor.clone() };
        for _ in 0..count {
            attribute(cursor)?;
        }
        Ok(attributes)
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (&'a str, AttributeView<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.count = self.count.checked_sub(1)?;
        attribute(&mut self.cursor).ok()
    }
}

fn attribute<'a>(cursor: &mut Cursor<'a>) -> Result<(&'a str, AttributeView<'a>), DecodeError> {
    let name = cursor.text()?;
    let value = match cursor.byte()? {
        0 => AttributeView::Bool(false),
        1 => AttributeView::Bool(true),
        2 => AttributeView::Long(cursor.signed()?),
        3 => AttributeView::Text(cursor.text()?),
        4 => AttributeView::TextSet(cursor.texts()?),
        _ => return Err(DecodeError::Code),
    };
    Ok((name, value))
}
