//! The parsers of this crate as plain functions over bytes, for fuzzing. None can panic, and each checks what must
//! hold for whatever was accepted.

use crate::checkpoint::Checkpoint;
use crate::decode::{Leaf, PersonalView};
use crate::evidence::Proof;
use crate::note::Signer;
use crate::segment::scan::{Part, Scan, footer, recover};
use crate::segment::{Stored, put_entry, put_header};

/// What a fuzz function found broken: a sentence about what should have held.
pub type Broken = &'static str;

/// A segment: recovery and scan agree, and frames that are read are written the same.
pub fn segment(bytes: &[u8]) -> Result<(), Broken> {
    drop(footer(bytes));
    let (Ok(recovered), Ok((header, scan))) = (recover(bytes), Scan::open(bytes)) else {
        return Ok(());
    };
    let mut again = Vec::new();
    put_header(&mut again, &header);
    if !bytes.starts_with(&again) {
        return Err("a header that is read is written the same");
    }
    let mut entries = 0;
    for (offset, part) in scan.flatten() {
        if let Part::Entry(stored) = part {
            entries += 1;
            again.clear();
            put_entry(&mut again, &stored);
            let at = usize::try_from(offset).unwrap_or(usize::MAX);
            if !bytes.get(at..).is_some_and(|rest| rest.starts_with(&again)) {
                return Err("a frame that is read is written the same");
            }
            drop(crate::json::render(0, &stored));
        }
    }
    if entries != recovered.entries || (bytes.len() as u64) != recovered.whole_bytes + recovered.torn_bytes {
        return Err("recovery counts what the scan reads");
    }
    Ok(())
}

/// An entry, as a leaf, as a personal part and as both.
pub fn entry(bytes: &[u8]) -> Result<(), Broken> {
    drop(Leaf::decode(bytes));
    drop(PersonalView::decode(bytes));
    if let Ok(stored) = Stored::decode(bytes) {
        let mut again = Vec::new();
        crate::segment::put_stored(&mut again, &stored);
        if again != bytes {
            return Err("an entry that is read is written the same");
        }
        if let Ok(lines) = crate::json::render(0, &stored)
            && lines.iter().any(|line| serde_json::from_str::<serde_json::Value>(line).is_err())
        {
            return Err("an entry renders as JSON");
        }
    }
    Ok(())
}

/// A checkpoint: nothing that the signer did not sign is verified.
pub fn checkpoint(bytes: &[u8]) -> Result<(), Broken> {
    let Ok(signer) = Signer::from_seed("fuzz", &[7; 32]) else {
        return Err("any seed makes a signer");
    };
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(read) = Checkpoint::parse(text)
        && read.text() != text
    {
        return Err("a checkpoint that is read is written the same");
    }
    match Checkpoint::verify(bytes, signer.verifier()) {
        Err(_) => Ok(()),
        Ok(read) if read.origin == "fuzz" => Ok(()),
        Ok(_) => Err("a checkpoint is verified for its own log only"),
    }
}

/// A proof: what is read is written the same, unless its base64 had another spelling, which is refused.
pub fn proof(bytes: &[u8]) -> Result<(), Broken> {
    let Ok(proof) = Proof::parse(bytes) else {
        return Ok(());
    };
    if let Ok(signer) = Signer::from_seed("fuzz", &[7; 32]) {
        drop(proof.verify(signer.verifier()));
    }
    if proof.to_string().as_bytes() == bytes {
        Ok(())
    } else {
        Err("a proof that is read is written the same")
    }
}
