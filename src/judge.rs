//! Token profiles, lent by the family that judges tokens to directives of others that let in only who has one.

use crate::Gatehouse;
use gatehouse_nginx::{Conf, Error, Request};
use std::rc::Rc;

/// Finds the judge of a profile by its name.
pub(crate) type FindJudge = fn(&mut Conf<'_, Gatehouse>, &str) -> Result<Rc<dyn Judge>, Error>;

/// The token profile that requests of one location must satisfy.
pub(crate) trait Judge {
    /// Whether the request's token is accepted, whatever `satisfy` or a dry run made of the verdict. None when memory is
    /// short.
    fn accepts(&self, r: Request<'_>) -> Option<bool>;
}
