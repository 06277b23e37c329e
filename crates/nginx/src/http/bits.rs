//! What only C can say of a request, declared from bits.h.

include!(concat!(env!("OUT_DIR"), "/http_bits.rs"));
