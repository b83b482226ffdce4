//! libFuzzer feeds `issuer_keys` of the table in `crates/fuzzing`; a property that does not hold is a crash.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let target = fuzzing::target("issuer_keys").expect("the table has this target");
    (target.judge)(bytes).expect("every property holds");
});
