//! Notes as others write and read them.

use super::*;

/// From the documentation of Go's `golang.org/x/mod/sumdb/note`.
const GO_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const GO_NOTE: &str = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

#[test]
fn verifies_a_note_that_go_signed() {
    let verifier = Verifier::parse(GO_KEY).unwrap();
    assert_eq!(verifier.to_string(), GO_KEY);
    assert!(verifier.verify(GO_NOTE.as_bytes()).unwrap().ends_with("problem is.\n"));
}

/// `signed_note` was written by others from the same specification.
#[test]
fn another_implementation_verifies_our_notes() {
    let signer = Signer::from_seed("example.com/log", &[7; 32]).unwrap();
    let note = signer.sign("example.com/log\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n").unwrap();
    let theirs = signed_note::StandardVerifier::new(&signer.verifier().to_string()).unwrap();
    let read = signed_note::Note::from_bytes(note.as_bytes()).unwrap();
    let (verified, _) = read.verify(&signed_note::VerifierList::new(vec![Box::new(theirs)])).unwrap();
    assert_eq!(verified.len(), 1);
    assert!(signer.verifier().verify(note.as_bytes()).is_ok());
}

#[test]
fn passes_over_signatures_of_others_but_not_over_a_bad_one_of_its_own() {
    let signer = Signer::from_seed("log", &[7; 32]).unwrap();
    let other = Signer::from_seed("witness", &[8; 32]).unwrap();
    let namesake = Signer::from_seed("log", &[9; 32]).unwrap();
    let note = signer.sign("text\n").unwrap();
    let line = |note: String| note.lines().last().unwrap().to_owned() + "\n";
    let verify = |note: &str| signer.verifier().verify(note.as_bytes()).map(str::to_owned);
    let theirs = line(other.sign("text\n").unwrap());
    let namesakes = line(namesake.sign("text\n").unwrap());
    assert_eq!(verify(&format!("{note}{theirs}{namesakes}")), Ok("text\n".to_owned()));
    assert_eq!(verify(&format!("text\n\n{theirs}")), Err(NoteError::Unsigned));
    assert_eq!(verify(&format!("text\n\n{namesakes}")), Err(NoteError::Unsigned));
    assert_eq!(verify(&note.replace("text\n", "test\n")), Err(NoteError::BadSignature));
    assert_eq!(
        verify(&format!("{note}{}", line(signer.sign("else\n").unwrap()))),
        Err(NoteError::BadSignature)
    );
}

#[test]
fn refuses_what_is_no_note() {
    let verifier = Signer::from_seed("log", &[7; 32]).unwrap().verifier().clone();
    for note in [
        "",
        "text\n",
        "text\n\n",
        "text\n\nlog AAAA\n",
        "text\n\n\u{2014} log\n",
        "text\n\n\u{2014} log !\n",
        "text\n\n\u{2014} log AAA=\n",
        "text\n\n\u{2014} l+g AAAAAAAA\n",
        "text\n\n\u{2014} log AAAAAAAA",
        "te\u{1}xt\n\n\u{2014} log AAAAAAAA\n",
        "te\rxt\n\n\u{2014} log AAAAAAAA\n",
    ] {
        assert_eq!(verifier.verify(note.as_bytes()), Err(NoteError::Form), "{note:?}");
    }
    assert_eq!(verifier.verify(b"\xff\n\n"), Err(NoteError::Form));
    let long = format!("{}\n\n\u{2014} log AAAAAAAA\n", "x".repeat(NOTE_BYTES_MAX));
    assert_eq!(verifier.verify(long.as_bytes()), Err(NoteError::TooLong));
}

#[test]
fn takes_as_many_signatures_as_the_specification_asks_for_and_not_any_number() {
    let signer = Signer::from_seed("log", &[7; 32]).unwrap();
    let note = signer.sign("text\n").unwrap();
    let other = "\u{2014} witness AAAAAAAA\n";
    for (others, taken) in [(16, true), (SIGNATURES_MAX - 1, true), (SIGNATURES_MAX, false)] {
        let note = format!("{note}{}", other.repeat(others));
        assert_eq!(signer.verifier().verify(note.as_bytes()).is_ok(), taken, "{others}");
    }
}

#[test]
fn refuses_verifier_keys_whose_id_is_not_theirs() {
    for text in [
        "",
        "PeterNeumann",
        "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumenn+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+Ahpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+ARpc2Q",
    ] {
        assert_eq!(Verifier::parse(text), Err(NoteError::VerifierKey), "{text}");
    }
    assert_eq!(Verifier::new("a b", [0; 32]), Err(NoteError::KeyName));
    assert_eq!(Verifier::new("", [0; 32]), Err(NoteError::KeyName));
}
