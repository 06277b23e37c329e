//! What only C can say, declared from bits.h.
#![allow(unused_imports)] // nginx's types, which the header does not need here

include!(concat!(env!("OUT_DIR"), "/ffi_bits.rs"));
