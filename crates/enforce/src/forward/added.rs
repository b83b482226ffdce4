//! The fields that the gateway adds to a request on its way to the upstream.

use std::net::IpAddr;

use model::request::Scheme;

use super::Forward;
use crate::text::ShortText;

/// Takes the added fields piece by piece, so that a door can write them where they are to stand.
pub trait AddedFields {
    /// A field begins.
    fn begin(&mut self, name: &'static str);

    /// The next piece of its value. No piece holds a control character.
    fn append(&mut self, piece: &[u8]);

    /// The field is over.
    fn end(&mut self);
}

impl Forward {
    /// The fields that the gateway adds.
    #[inline]
    pub fn write_added(&self, fields: &mut impl AddedFields) {
        let (first, others) = self.parts.client.path.split_first().unzip();
        let (first, others) = (first.map(|first| (first, ShortText::of(first))), others.unwrap_or_default());
        self.write_forwarded(fields, first.as_ref(), others);
        fields.begin("X-Forwarded-For");
        if let Some((_, text)) = &first {
            fields.append(text.as_bytes());
        }
        for address in others {
            fields.append(b", ");
            fields.append(ShortText::of(address).as_bytes());
        }
        fields.end();
        put(fields, "X-Forwarded-Host", self.request.authority());
        match (self.request.port(), self.parts.client.scheme) {
            (None, Scheme::Http) => put(fields, "X-Forwarded-Port", b"80"),
            (None, Scheme::Https) => put(fields, "X-Forwarded-Port", b"443"),
            (Some(port), _) => {
                put(fields, "X-Forwarded-Port", ShortText::number(u64::from(port)).as_bytes());
            }
        }
        put(fields, "X-Forwarded-Proto", self.parts.client.scheme.as_str().as_bytes());
        if let Some(trace) = &self.parts.trace {
            put(fields, "traceparent", &trace.text());
        }
        put(fields, "Sallyport-Decision-Id", self.id_text());
        if let Some(assertion) = &self.parts.lent.assertion {
            put(fields, "Sallyport-Assertion", assertion.as_bytes());
        }
    }

    /// The same as names and values, for doors that write no lines.
    pub fn for_each_added(&self, mut write: impl FnMut(&[u8], &[u8])) {
        self.write_added(&mut Whole::new(|name: &str, value| write(name.as_bytes(), value)));
    }

    /// One element per hop (RFC 7239 section 4); the first, the client's, with host and scheme.
    #[inline]
    fn write_forwarded(
        &self,
        fields: &mut impl AddedFields,
        first: Option<&(&IpAddr, ShortText)>,
        others: &[IpAddr],
    ) {
        fields.begin("Forwarded");
        let known = self.parts.client.address.is_some();
        if !known {
            fields.append(b"for=unknown");
        }
        if let Some((address, text)) = first {
            if !known {
                fields.append(b", ");
            }
            put_node(fields, address, text);
            fields.append(b";host=\"");
            fields.append(self.request.authority());
            fields.append(b"\";proto=");
            fields.append(self.parts.client.scheme.as_str().as_bytes());
        }
        for address in others {
            fields.append(b", ");
            put_node(fields, address, &ShortText::of(address));
        }
        fields.end();
    }
}

/// `for=` and an address, which in version 6 stands in brackets.
#[inline]
fn put_node(fields: &mut impl AddedFields, address: &IpAddr, text: &ShortText) {
    match address {
        IpAddr::V4(_) => {
            fields.append(b"for=");
            fields.append(text.as_bytes());
        }
        IpAddr::V6(_) => {
            fields.append(b"for=\"[");
            fields.append(text.as_bytes());
            fields.append(b"]\"");
        }
    }
}

#[inline]
fn put(fields: &mut impl AddedFields, name: &'static str, value: &[u8]) {
    fields.begin(name);
    fields.append(value);
    fields.end();
}

/// Puts the pieces of a value together.
pub(crate) struct Whole<W> {
    write: W,
    name: &'static str,
    value: Vec<u8>,
}

impl<W: FnMut(&'static str, &[u8])> Whole<W> {
    pub(crate) const fn new(write: W) -> Self {
        Self { write, name: "", value: Vec::new() }
    }
}

impl<W: FnMut(&'static str, &[u8])> AddedFields for Whole<W> {
    fn begin(&mut self, name: &'static str) {
        self.name = name;
        self.value.clear();
    }

    fn append(&mut self, piece: &[u8]) {
        self.value.extend_from_slice(piece);
    }

    fn end(&mut self) {
        (self.write)(self.name, &self.value);
    }
}
