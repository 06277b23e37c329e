//! What only C can say of a connection, declared from bits.h.

include!(concat!(env!("OUT_DIR"), "/event_bits.rs"));
