//! A permit cannot be made, cloned, used twice, used for another request, or forwarded with effects unredeemed:
//! each attempt does not compile, and the committed output says why.

#[cfg(test)]
mod tests {
    #[test]
    fn what_must_not_compile_does_not() {
        trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
    }
}
