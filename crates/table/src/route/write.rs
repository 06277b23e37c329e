//! A route as JSON again, in the spelling that the file and the API read.

use super::check::Own;
use super::{Backend, Host, Route};
use std::net::IpAddr;

impl Route {
    /// Puts the route's JSON behind `out`. Its `keys` are left out: they are write-only.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        if let Some(id) = &self.id {
            out.extend_from_slice(b"\"id\":");
            write_text(id, out);
            out.push(b',');
        }
        out.extend_from_slice(b"\"backends\":[");
        for (index, backend) in self.backends.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            backend.write_json(out);
        }
        out.push(b']');
        if !self.vars.is_empty() {
            out.extend_from_slice(b",\"vars\":{");
            for (index, (name, value)) in self.vars.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_text(name, out);
                out.push(b':');
                write_text(value, out);
            }
            out.push(b'}');
        }
        if let Some(meta) = &self.meta {
            out.extend_from_slice(b",\"meta\":");
            out.extend_from_slice(meta.as_bytes());
        }
        if let Some(check) = &self.check {
            out.extend_from_slice(b",\"check\":");
            write_check(check, out);
        }
        out.push(b'}');
    }
}

impl Backend {
    /// Its URL, the port always written where it has one.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        match &self.host {
            Host::Name(name) if self.service.is_some() => format!("{scheme}://{name}"),
            Host::Name(name) => format!("{scheme}://{name}:{}", self.port),
            Host::Ip(IpAddr::V4(ip)) => format!("{scheme}://{ip}:{}", self.port),
            Host::Ip(IpAddr::V6(ip)) => format!("{scheme}://[{ip}]:{}", self.port),
            Host::Unix(path) => format!("{scheme}://unix:{path}"),
        }
    }

    /// What tells it from others: see [`parse_backend_place`](super::parse_backend_place).
    #[must_use]
    pub fn place(&self) -> String {
        match &self.service {
            None => self.url(),
            Some(service) => format!("{}#service={service}", self.url()),
        }
    }

    /// Whether both have one URL, and one service if they have any.
    #[must_use]
    pub fn is_at(&self, other: &Self) -> bool {
        let place = |one: &Self| (one.tls, one.port, one.service.clone());
        place(self) == place(other) && self.host == other.host
    }

    /// A URL alone where nothing else is said, else an object.
    fn write_json(&self, out: &mut Vec<u8>) {
        let is_plain = self.weight == 1
            && !self.backup
            && !self.drain
            && self.sni.is_none()
            && self.service.is_none()
            && self.options.max_conns == 0
            && self.options.slow_start_ms == 0;
        if is_plain {
            return write_text(&self.url(), out);
        }
        self.write_object(out);
    }

    /// An object, whatever is said.
    pub(super) fn write_object(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"url\":");
        write_text(&self.url(), out);
        if self.weight != 1 {
            out.extend_from_slice(format!(",\"weight\":{}", self.weight).as_bytes());
        }
        for (name, set) in [("backup", self.backup), ("drain", self.drain)] {
            if set {
                out.extend_from_slice(format!(",\"{name}\":true").as_bytes());
            }
        }
        if let Some(sni) = &self.sni {
            out.extend_from_slice(b",\"sni\":");
            write_text(sni, out);
        }
        if let Some(service) = &self.service {
            out.extend_from_slice(b",\"service\":");
            write_text(service, out);
        }
        if self.options.max_conns != 0 {
            out.extend_from_slice(format!(",\"max_conns\":{}", self.options.max_conns).as_bytes());
        }
        if self.options.slow_start_ms != 0 {
            out.extend_from_slice(b",\"slow_start\":");
            write_text(&self.options.slow_start(), out);
        }
        out.push(b'}');
    }
}

/// How a route is checked, as it is read.
fn write_check(text: &str, out: &mut Vec<u8>) {
    let Some(Own::Over(over)) = Own::parse(text) else {
        out.extend_from_slice(b"false");
        return;
    };
    out.push(b'{');
    for (index, (word, value)) in over.said().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_text(word, out);
        out.push(b':');
        match word {
            "rise" | "fall" => out.extend_from_slice(value.as_bytes()),
            _ => write_text(&value, out),
        }
    }
    out.push(b'}');
}

/// A JSON string.
pub fn write_text(text: &str, out: &mut Vec<u8>) {
    // Writing a string to memory cannot fail.
    let _ = serde_json::to_writer(out, text);
}
