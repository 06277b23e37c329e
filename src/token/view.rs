//! The request as received, for the verifier.

use super::conf::Named;
use super::path;
use super::record::{AsReceived, Record};
use crate::Gatehouse;
use gatehouse_nginx::Request;
use gatehouse_token::{RequestView, strip as bytes};
use std::net::IpAddr;

/// The request as received, for the verifier.
pub(super) struct View<'v, 'r> {
    pub r: Request<'r>,
    pub record: &'v Record<'r>,
    pub named: &'r Named,
    pub as_received: AsReceived<'r>,
    pub serves_target: bool,
}

impl RequestView for View<'_, '_> {
    fn target(&self) -> &[u8] {
        self.as_received.target
    }

    fn header(&self, name: &str, n: usize) -> Option<&[u8]> {
        let name = name.as_bytes();
        let mut rest = n;
        self.record.each_line(self.r, |line, value| {
            let hit = line.eq_ignore_ascii_case(name).then_some(value);
            hit.filter(|_| countdown(&mut rest))
        })
    }

    fn cookie(&self, name: &[u8], n: usize) -> Option<&[u8]> {
        let mut rest = n;
        self.record.each_line(self.r, |line, value| {
            let mut values = line
                .eq_ignore_ascii_case(b"cookie")
                .then(|| bytes::cookies_called(value, name))
                .into_iter()
                .flatten();
            values.find(|_| countdown(&mut rest))
        })
    }

    /// Evaluated against the request as received: path, arguments and target are put back for
    /// the time of the evaluation.
    fn message(&self, text: usize) -> Option<&[u8]> {
        let expression = self.named.message.get(text)?;
        if let Some(constant) = expression.constant() {
            return Some(constant);
        }
        let r = self.r;
        let main = &r.main_conf::<Gatehouse>().token;
        let now = (r.uri(), r.args(), r.target());
        r.set_uri(path::signed(r, self.named, self.as_received)?);
        r.set_args(self.as_received.args);
        r.set_target(self.as_received.target);
        let value = expression.eval_anew(r, &main.anew);
        r.set_uri(now.0);
        r.set_args(now.1);
        r.set_target(now.2);
        value
    }

    fn path(&self) -> Option<&[u8]> {
        path::signed(self.r, self.named, self.as_received)
    }

    fn address(&self) -> Option<IpAddr> {
        self.r.client()
    }

    fn serves_target(&self) -> bool {
        self.serves_target
    }
}

/// Whether this was the last one to wait for.
fn countdown(rest: &mut usize) -> bool {
    match rest.checked_sub(1) {
        Some(less) => {
            *rest = less;
            false
        }
        None => true,
    }
}
