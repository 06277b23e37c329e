//! What only C can say of a request, declared from bits.h.
#![allow(unreachable_pub)] // bindgen's way

include!(concat!(env!("OUT_DIR"), "/http_bits.rs"));
