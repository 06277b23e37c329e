//! What the configuration says about digests, and what a request remembers of them.

use gatehouse_base::digest::Digest;
use gatehouse_nginx::Expression;
use std::cell::Cell;

/// The digests of the configuration, in their order; a variable's number is its index.
#[derive(Default)]
pub(crate) struct Main {
    pub(super) digests: Vec<Definition>,
}

pub(super) struct Definition {
    pub(super) text: Expression,
    pub(super) digest: Digest,
}

/// What this request has computed already.
#[derive(Default)]
pub(crate) struct Local<'r> {
    pub(super) known: Cell<Option<&'r Known<'r>>>,
}

/// One remembered value and the ones before it.
pub(super) struct Known<'r> {
    pub(super) number: usize,
    /// What it is the digest of: a rewrite may have changed the text since.
    pub(super) text: &'r [u8],
    pub(super) value: &'r [u8],
    pub(super) before: Option<&'r Known<'r>>,
}
