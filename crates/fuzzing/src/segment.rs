//! Segments of the log. Their frames carry checksums, which a mutation almost never keeps: so each input is
//! judged as it is, and once more with the checksums made right, so that what stands behind them is reached.

use record::segment::{FRAME_HEAD_BYTES, MAGIC};

/// Judges the bytes as they are and with their checksums repaired.
pub(crate) fn judge(bytes: &[u8]) -> Result<(), String> {
    record::fuzz::segment(bytes)?;
    record::fuzz::segment(&repaired(bytes)).map_err(|broken| format!("{broken} (with checksums repaired)"))
}

/// The same bytes with the magic and the checksum of each frame that fits written anew.
fn repaired(bytes: &[u8]) -> Vec<u8> {
    let mut copy = MAGIC.to_vec();
    let mut rest = bytes.get(MAGIC.len()..).unwrap_or_default();
    while let Some((head, tail)) = rest.split_first_chunk::<FRAME_HEAD_BYTES>() {
        let [a, b, c, d, ..] = *head;
        let length = usize::try_from(u32::from_le_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        let Some((body, after)) = tail.split_at_checked(length) else { break };
        let mut sum = crc32fast::Hasher::new();
        sum.update(&[a, b, c, d]);
        sum.update(body);
        copy.extend_from_slice(&[a, b, c, d]);
        copy.extend_from_slice(&sum.finalize().to_le_bytes());
        copy.extend_from_slice(body);
        rest = after;
    }
    copy.extend_from_slice(rest);
    copy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_segment_is_repaired_to_itself_and_a_changed_one_reads_again() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
        let mut bytes = std::fs::read(root.join("fuzz/corpus/record_segment/active")).unwrap();
        assert_eq!(repaired(&bytes), bytes);
        // A byte of the last entry, before the mark that it has no personal part.
        let first = record::segment::scan::recover(&bytes).unwrap();
        let last = bytes.len() - 2;
        *bytes.get_mut(last).unwrap() ^= 1;
        assert!(record::segment::scan::recover(&bytes).unwrap().whole_bytes < first.whole_bytes);
        assert_eq!(record::segment::scan::recover(&repaired(&bytes)).unwrap().whole_bytes, first.whole_bytes);
    }
}
