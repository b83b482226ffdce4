//! Inputs as blocks of whole lines, decompressed where they begin as compressed data does.
//!
//! Packed data may have any number of parts, as where files were joined: members of gzip (RFC 1952) and frames of Zstandard (RFC 8878).
//! All of them are read; what is none is an error.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

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
    /// Why reading ended before the end, to be told once what came before was taken.
    broken: Option<io::Error>,
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
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Box::new(Frames::new(raw)),
            _ => Box::new(raw),
        };
        let reader = BufReader::with_capacity(1 << 16, reader);
        Ok(Self { reader, read, length, rest: Vec::new(), next_line: 1, is_over: false, broken: None })
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
            match self.reader.by_ref().take(BLOCK_BYTES as u64).read_to_end(&mut bytes) {
                Ok(read) => self.is_over = read == 0,
                Err(error) => {
                    self.broken = Some(error);
                    self.is_over = true;
                }
            }
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
        if self.broken.is_some() && !bytes.ends_with(b"\n") {
            // Nobody knows how its last line goes on.
            bytes.clear();
        }
        if bytes.is_empty() {
            return self.broken.take().map_or(Ok(None), Err);
        }
        let first_line = self.next_line;
        if first_line == 1 && bytes.starts_with(BYTE_ORDER_MARK) {
            bytes.drain(..BYTE_ORDER_MARK.len());
        }
        self.next_line += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
        Ok(Some(Block { bytes, first_line }))
    }
}

/// Zstandard frames one after the other; those that are to be skipped are (RFC 8878, section 3.1.2).
struct Frames<R: BufRead> {
    inner: R,
    decoder: FrameDecoder,
    /// Inside of a frame.
    is_open: bool,
}

impl<R: BufRead> Frames<R> {
    fn new(inner: R) -> Self {
        Self { inner, decoder: FrameDecoder::new(), is_open: false }
    }

    /// Begins the next frame with something in it; false at the end.
    fn open(&mut self) -> io::Result<bool> {
        while !self.inner.fill_buf()?.is_empty() {
            match self.decoder.init(&mut self.inner) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let skipped = io::copy(&mut (&mut self.inner).take(length.into()), &mut io::sink())?;
                    if skipped < length.into() {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(invalid(error)),
            }
        }
        Ok(false)
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !buffer.is_empty() {
            if !self.is_open {
                if !self.open()? {
                    break;
                }
                self.is_open = true;
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let wanted = BlockDecodingStrategy::UptoBytes(buffer.len());
                self.decoder.decode_blocks(&mut self.inner, wanted).map_err(invalid)?;
            }
            let read = self.decoder.read(buffer)?;
            if 0 < read {
                return Ok(read);
            }
            self.is_open = false;
        }
        Ok(0)
    }
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

#[cfg(test)]
mod tests {
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    fn blocks(bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
        let reader: Box<dyn Read + Send> = Box::new(io::Cursor::new(bytes.to_vec()));
        let reader = BufReader::new(reader);
        let read = Arc::default();
        let mut source = Source {
            reader,
            read,
            length: None,
            rest: Vec::new(),
            next_line: 1,
            is_over: false,
            broken: None,
        };
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

    fn frame(text: &[u8]) -> Vec<u8> {
        compress_to_vec(text, CompressionLevel::Fastest)
    }

    fn unpacked(packed: &[u8]) -> (Vec<u8>, io::Result<usize>) {
        let mut text = Vec::new();
        let result = Frames::new(packed).read_to_end(&mut text);
        (text, result)
    }

    #[test]
    fn every_frame_is_read_and_those_to_be_skipped_are_skipped() {
        let lines = |from: usize| (from..from + 20_000).map(|one| format!("{one}\n")).collect::<String>();
        let (one, other) = (lines(0).into_bytes(), lines(50_000).into_bytes());
        let skipped =
            |length: u8| [&[0x5a, 0x2a, 0x4d, 0x18, length, 0, 0, 0][..], &vec![7; length.into()]].concat();
        for (parts, expected) in [
            (vec![frame(&one)], one.clone()),
            (vec![frame(&one), frame(&other), frame(b"")], [&one[..], &other].concat()),
            (
                vec![skipped(9), frame(&one), skipped(0), frame(&other), skipped(200)],
                [&one[..], &other].concat(),
            ),
            (vec![frame(b""), frame(b"")], Vec::new()),
        ] {
            let (text, result) = unpacked(&parts.concat());
            assert!(text == expected && result.is_ok(), "{} of {}: {result:?}", text.len(), expected.len());
        }
    }

    #[test]
    fn what_is_no_frame_ends_reading_with_an_error_and_what_came_before_is_kept() {
        let whole = frame(b"a\nb\n");
        let cut = whole.get(..whole.len() - 1).unwrap();
        for behind in [&b"rubbish"[..], cut, &[0x50, 0x2a, 0x4d, 0x18, 9, 0, 0, 0, 1], &[0x28]] {
            let (text, result) = unpacked(&[&whole, behind].concat());
            assert!(text.starts_with(b"a\nb\n") && result.is_err(), "{behind:?}: {result:?}");
        }
    }
}
