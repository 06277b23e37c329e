//! What a profile promises.
