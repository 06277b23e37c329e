//! There is no TLS in an nginx that was built without OpenSSL.

pub use super::certificate::Certificate;
use super::connection::Connection;
use crate::conf::{Error, Words};
use std::convert::Infallible;
use std::io;
use std::path::Path;
use std::time::Duration;

/// Settings of TLS connections: none can be made.
#[derive(Clone)]
pub struct Tls(Infallible);

impl Tls {
    /// Refuses the configuration.
    pub fn client(
        _: &Words<'_>,
        _: Option<&Path>,
        _: Option<&Certificate<'_>>,
    ) -> Result<Self, Error> {
        Err(Error::new("TLS needs an nginx that was built with OpenSSL"))
    }
}

impl Connection {
    /// Nobody has settings to call this with.
    pub async fn secure(self, tls: &Tls, _: &str, _: Duration) -> io::Result<Self> {
        match tls.0 {}
    }
}
