//! nginx as safe types: the only room with unsafe.
