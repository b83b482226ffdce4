//! Field lines, for heads and trailer sections alike.
