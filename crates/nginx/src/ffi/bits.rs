//! What only C can say, declared from bits.h.
#![allow(unused_imports, unreachable_pub)] // bindgen's ways; nginx's types are not needed here

include!(concat!(env!("OUT_DIR"), "/ffi_bits.rs"));
