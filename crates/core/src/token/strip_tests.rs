//! Stripping, byte by byte.
