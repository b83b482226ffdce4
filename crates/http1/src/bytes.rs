//! Classes of bytes, and looking at eight at a time.
