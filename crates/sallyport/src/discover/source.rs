//! Inputs as blocks of whole lines, decompressed where they begin as compressed data does.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How much of an input is handed over at once, about.
const BLOCK_BYTES: usize = 1 << 18;

/// Whole lines, and the number of the first of them.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) bytes: Vec<u8>,
    /// From 1.
    pub(super) first_line: u64,
}

/// What some editors and exports put in front of UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Counts what is read, as it stands in the file.
struct Counted<R> {
    inner: R,
    count: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.count.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// An input that is read block by block.
pub(super) struct Source {
    reader: BufReader<Box<dyn Read + Send>>,
    /// Bytes of the file that were read, packed ones where it is packed, and how many it has where that is known.
    read: Arc<AtomicU64>,
    length: Option<u64>,
    /// The beginning of a line whose end was not read yet.
    rest: Vec<u8>,
    next_line: u64,
    is_over: bool,
}

impl Source {
    /// Opens a file, or standard input for `-`.
    pub(super) fn open(path: &str) -> io::Result<Self> {
        let (raw, length): (Box<dyn Read + Send>, _) = if path == "-" {
            (Box::new(io::stdin()), None)
        } else {
            let file = File::open(path)?;
            let length =
                file.metadata().ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.len());
            (Box::new(file), length)
        };
        let read = Arc::new(AtomicU64::new(0));
        let mut raw = BufReader::with_capacity(1 << 18, Counted { inner: raw, count: Arc::clone(&read) });
        let reader: Box<dyn Read + Send> = match raw.fill_buf()? {
            [0x1f, 0x8b, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(raw)),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => {
                let decoder = ruzstd::decoding::StreamingDecoder::new(raw);
                Box::new(decoder.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?)
            }
            _ => Box::new(raw),
        };
        let reader = BufReader::with_capacity(1 << 16, reader);
        Ok(Self { reader, read, length, rest: Vec::new(), next_line: 1, is_over: false })
    }

    /// How it begins, before anything was taken.
    pub(super) fn beginning(&mut self) -> io::Result<&[u8]> {
        self.reader.fill_buf()
    }

    /// All of it as it is, for what is no lines.
    pub(super) fn whole(&mut self) -> impl Read + '_ {
        &mut self.reader
    }

    /// How much of the file was read, and how much it has where that is known: packed bytes where it is packed.
    pub(super) fn place(&self) -> (u64, Option<u64>) {
        (self.read.load(Ordering::Relaxed), self.length)
    }

    /// The next whole lines. A line that is longer than any that is read is cut: its first part is a line, so that it
    /// counts once, and what follows it is dropped.
    pub(super) fn next(&mut self) -> io::Result<Option<Block>> {
        let mut bytes = std::mem::take(&mut self.rest);
        let mut is_cutting = false;
        while !self.is_over {
            let before = bytes.len();
            let read = self.reader.by_ref().take(BLOCK_BYTES as u64).read_to_end(&mut bytes)?;
            self.is_over = read == 0;
            if is_cutting {
                // Inside of a line that is too long: only what stands behind its end is of use.
                let first_end =
                    bytes.get(before..).and_then(|new| new.iter().position(|byte| *byte == b'\n'));
                match first_end {
                    Some(end) => drop(bytes.drain(before..before + end)),
                    None => {
                        bytes.truncate(before);
                        continue;
                    }
                }
                is_cutting = false;
            }
            match bytes.iter().rposition(|byte| *byte == b'\n') {
                Some(end) => {
                    self.rest = bytes.split_off(end + 1);
                    break;
                }
                None if traffic::LINE_BYTES_MAX < bytes.len() => {
                    bytes.truncate(traffic::LINE_BYTES_MAX + 1);
                    is_cutting = true;
                }
                None => {}
            }
        }
        if bytes.is_empty() {
            return Ok(None);
        }
        let first_line = self.next_line;
        if first_line == 1 && bytes.starts_with(BYTE_ORDER_MARK) {
            bytes.drain(..BYTE_ORDER_MARK.len());
        }
        self.next_line += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
        Ok(Some(Block { bytes, first_line }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
        let reader: Box<dyn Read + Send> = Box::new(io::Cursor::new(bytes.to_vec()));
        let reader = BufReader::new(reader);
        let read = Arc::default();
        let mut source =
            Source { reader, read, length: None, rest: Vec::new(), next_line: 1, is_over: false };
        std::iter::from_fn(|| source.next().unwrap()).map(|block| (block.first_line, block.bytes)).collect()
    }

    #[test]
    fn blocks_end_where_lines_do_and_hold_every_byte() {
        let line = |number: usize| format!("{number} {}\n", "x".repeat(number % 977));
        let text: String = (0..9_000).map(line).collect();
        let found = blocks(text.as_bytes());
        assert!(3 < found.len());
        assert_eq!(found.iter().flat_map(|(_, bytes)| bytes.clone()).collect::<Vec<u8>>(), text.as_bytes());
        for (first, bytes) in &found {
            assert!(bytes.ends_with(b"\n"));
            let number = usize::try_from(*first).unwrap() - 1;
            assert!(bytes.starts_with(format!("{number} ").as_bytes()), "{first}");
        }
        assert_eq!(blocks(b"a\nb"), [(1, b"a\n".to_vec()), (2, b"b".to_vec())]);
        assert_eq!(blocks(b""), []);
        assert_eq!(blocks(b"\xef\xbb\xbfa\n\xef\xbb\xbfb\n"), [(1, b"a\n\xef\xbb\xbfb\n".to_vec())]);
    }

    #[test]
    fn a_line_without_end_is_one_line_and_is_not_held() {
        let mut text = b"a\n".to_vec();
        text.extend(vec![b'x'; 7 * traffic::LINE_BYTES_MAX]);
        text.extend(b"\nb\n");
        let found = blocks(&text);
        let lines: Vec<usize> =
            found.iter().flat_map(|(_, bytes)| bytes.split(|byte| *byte == b'\n').map(<[u8]>::len)).collect();
        let lengths: Vec<usize> = lines.into_iter().filter(|length| *length != 0).collect();
        assert_eq!(lengths, [1, traffic::LINE_BYTES_MAX + 1, 1]);
        assert_eq!(found.last().unwrap().1.len(), b"\nb\n".len() + found.last().unwrap().1.len() - 3);
    }
}
