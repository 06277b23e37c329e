//! What nginx will see.
