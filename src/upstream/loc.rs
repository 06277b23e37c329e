//! What the configuration says at one level of locations.

use super::api::Api;
use super::register::Register;
use std::rc::Rc;

/// One level of locations.
#[derive(Default)]
pub(crate) struct Loc {
    pub(super) api: Option<Rc<Api>>,
    pub(super) register: Option<Rc<Register>>,
}
