//! Entity tags and the conditions made of them (RFC 9110 section 13).

use std::fmt;

/// The tag of a resource: two numbers that change with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ETag(pub u64, pub u64);

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{:x}-{:x}\"", self.0, self.1)
    }
}

/// What `If-Match` or `If-None-Match` lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tags<'h>(&'h [u8]);

impl<'h> Tags<'h> {
    /// The value of the header.
    #[must_use]
    pub fn new(value: &'h [u8]) -> Self {
        Self(value)
    }

    /// Whether a resource with this tag, or one that is not there, is among them. What is no tag is no resource's.
    #[must_use]
    pub fn has(&self, tag: Option<ETag>) -> bool {
        let Some(tag) = tag else {
            return false;
        };
        let tag = tag.to_string();
        // Ours have no comma.
        let mut listed = self.0.split(|b| *b == b',').map(<[u8]>::trim_ascii);
        listed.any(|one| one == b"*" || one == tag.as_bytes())
    }
}
