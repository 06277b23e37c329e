//! What only C can say of a connection, declared from bits.h.
#![allow(unreachable_pub)] // bindgen's way

include!(concat!(env!("OUT_DIR"), "/event_bits.rs"));
