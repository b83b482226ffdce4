//! The fields that the gateway adds to a request on its way to the upstream.

use std::fmt::Write as _;
use std::net::IpAddr;

use model::request::Scheme;

use super::Forward;

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
        self.write_forwarded(fields);
        fields.begin("X-Forwarded-For");
        for (place, address) in self.client.path.iter().enumerate() {
            if 0 < place {
                fields.append(b", ");
            }
            fields.append(AddressText::of(address).as_bytes());
        }
        fields.end();
        put(fields, "X-Forwarded-Host", self.request.authority());
        match (self.request.port(), self.client.scheme) {
            (None, Scheme::Http) => put(fields, "X-Forwarded-Port", b"80"),
            (None, Scheme::Https) => put(fields, "X-Forwarded-Port", b"443"),
            (Some(port), _) => {
                let mut digits = AddressText::new();
                digits.push_number(port);
                put(fields, "X-Forwarded-Port", digits.as_bytes());
            }
        }
        put(fields, "X-Forwarded-Proto", self.client.scheme.as_str().as_bytes());
        if let Some(trace) = &self.trace {
            put(fields, "traceparent", &trace.text());
        }
        put(fields, "Sallyport-Decision-Id", &self.id.text());
        if let Some(assertion) = &self.assertion {
            put(fields, "Sallyport-Assertion", assertion.as_bytes());
        }
    }

    /// The same as names and values, for doors that write no lines.
    pub fn for_each_added(&self, write: impl FnMut(&[u8], &[u8])) {
        self.write_added(&mut Whole { write, name: "", value: Vec::new() });
    }

    /// One element per hop (RFC 7239 section 4); the first, the client's, with host and scheme.
    #[inline]
    fn write_forwarded(&self, fields: &mut impl AddedFields) {
        fields.begin("Forwarded");
        let known = self.client.address.is_some();
        if !known {
            fields.append(b"for=unknown");
        }
        for (place, address) in self.client.path.iter().enumerate() {
            if 0 < place || !known {
                fields.append(b", ");
            }
            let text = AddressText::of(address);
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
            if place == 0 {
                fields.append(b";host=\"");
                fields.append(self.request.authority());
                fields.append(b"\";proto=");
                fields.append(self.client.scheme.as_str().as_bytes());
            }
        }
        fields.end();
    }
}

#[inline]
fn put(fields: &mut impl AddedFields, name: &'static str, value: &[u8]) {
    fields.begin(name);
    fields.append(value);
    fields.end();
}

/// Puts the pieces of a value together.
struct Whole<W> {
    write: W,
    name: &'static str,
    value: Vec<u8>,
}

impl<W: FnMut(&[u8], &[u8])> AddedFields for Whole<W> {
    fn begin(&mut self, name: &'static str) {
        self.name = name;
        self.value.clear();
    }

    fn append(&mut self, piece: &[u8]) {
        self.value.extend_from_slice(piece);
    }

    fn end(&mut self) {
        (self.write)(self.name.as_bytes(), &self.value);
    }
}

/// As many bytes as the text of an address takes.
const ADDRESS_BYTES_MAX: usize = 39;

/// The standard text of an address, without an allocation.
struct AddressText {
    bytes: [u8; ADDRESS_BYTES_MAX],
    used: usize,
}

impl AddressText {
    const fn new() -> Self {
        Self { bytes: [0; ADDRESS_BYTES_MAX], used: 0 }
    }

    /// The one of version 4, which nearly all are behind proxies, does without the formatting machinery, whose cost is
    /// that of the rest of the field.
    #[inline]
    fn of(address: &IpAddr) -> Self {
        let mut text = Self::new();
        match address {
            IpAddr::V4(address) => {
                let [first, others @ ..] = address.octets();
                text.push_octet(first);
                for octet in others {
                    text.push(b'.');
                    text.push_octet(octet);
                }
            }
            // No address is longer than there is room; were it otherwise, nothing half-written would be sent.
            IpAddr::V6(address) => {
                if write!(text, "{address}").is_err() {
                    text.used = 0;
                }
            }
        }
        text
    }

    #[inline]
    fn push(&mut self, byte: u8) {
        if let Some(slot) = self.bytes.get_mut(self.used) {
            *slot = byte;
            self.used += 1;
        }
    }

    #[inline]
    fn push_octet(&mut self, octet: u8) {
        if 100 <= octet {
            self.push(b'0' + octet / 100);
        }
        if 10 <= octet {
            self.push(b'0' + octet / 10 % 10);
        }
        self.push(b'0' + octet % 10);
    }

    /// Appends a number without leading zeros.
    fn push_number(&mut self, number: u16) {
        let mut begun = false;
        for power in [10_000, 1_000, 100, 10] {
            if power <= number {
                begun = true;
            }
            if begun {
                let [digit, _] = (number / power % 10).to_le_bytes();
                self.push(b'0' | digit);
            }
        }
        let [digit, _] = (number % 10).to_le_bytes();
        self.push(b'0' | digit);
    }

    #[inline]
    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.used).unwrap_or_default()
    }
}

impl std::fmt::Write for AddressText {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        for byte in text.bytes() {
            if self.bytes.len() <= self.used {
                return Err(std::fmt::Error);
            }
            self.push(byte);
        }
        Ok(())
    }
}
