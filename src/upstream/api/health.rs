//! How each backend is, as this nginx sees it.

use super::gate::Call;
use super::list::Pages;
use super::problem::Problem;
use crate::upstream::table::UpstreamTable;
use gatehouse_live::table::url_of;
use gatehouse_nginx::Request;
use gatehouse_nginx::ffi::process;
use gatehouse_nginx::http::reply::Reply;
use gatehouse_table::api::Query;
use gatehouse_table::balance::Checks;
use gatehouse_table::route::write_text;
use gatehouse_table::table::{BackendView, Passive, Peer, RouteView, Table};
use std::io::Write;

/// `GET /-/health`
pub(super) fn show(r: Request<'_>, call: &Call<'_>) -> Result<Reply, Problem> {
    let query = Query::parse(r.args(), &["after", "limit", "owner"])?;
    let routes = call.table.routes().ok_or_else(Problem::busy)?;
    let rules = Rules::of(call.table);
    let row = move |routes: &Table<'_>, view: &RouteView<'_>, out: &mut Vec<u8>| {
        rules.write(routes, view, out);
    };
    let pages = Pages::new(call, &routes, query, Box::new(row));
    let reply = Reply::new(200)
        .header("Content-Type", "application/json")
        .header("Cache-Control", "no-store");
    Ok(reply.stream(pages))
}

/// When a backend is left out.
struct Rules {
    passive: Passive,
    checks: Checks,
}

impl Rules {
    fn of(table: &UpstreamTable) -> Self {
        Self {
            passive: *table.passive(),
            checks: table.checks(),
        }
    }

    /// The backends of a route, each with its state.
    fn write(&self, routes: &Table<'_>, view: &RouteView<'_>, out: &mut Vec<u8>) {
        out.push(b'[');
        for (number, backend) in view.backends().enumerate() {
            if number > 0 {
                out.push(b',');
            }
            self.write_backend(routes, &backend, out);
        }
        out.push(b']');
    }

    fn write_backend(&self, routes: &Table<'_>, backend: &BackendView<'_>, out: &mut Vec<u8>) {
        let peer = routes.peer(backend.peer());
        out.extend_from_slice(b"{\"url\":");
        write_text(&url_of(backend), out);
        if let Some(name) = backend.name {
            out.extend_from_slice(b",\"name\":");
            write_text(name, out);
        }
        let state = self.state(routes, backend, peer.as_ref());
        // A vector takes whatever is written.
        let _ = write!(out, ",\"state\":\"{state}\"");
        if let Some(peer) = peer {
            self.write_peer(&peer, out);
        }
        out.push(b'}');
    }

    /// What came of requests and checks.
    fn write_peer(&self, peer: &Peer<'_>, out: &mut Vec<u8>) {
        let now_ms = process::now_ms();
        let _ = write!(out, ",\"fails\":{}", peer.fails());
        if let Some(latency) = peer.latency(now_ms) {
            let _ = write!(out, ",\"latency_us\":{}", latency.us);
        }
        if let Some(probe) = peer.probe().filter(|_| self.checks.on) {
            let (up, ago) = (probe.up, now_ms.saturating_sub(probe.at_ms));
            let _ = write!(out, ",\"check\":{{\"up\":{up},\"ago_ms\":{ago}}}");
        }
    }

    fn state(
        &self,
        routes: &Table<'_>,
        backend: &BackendView<'_>,
        peer: Option<&Peer<'_>>,
    ) -> &'static str {
        if backend.endpoint().is_waiting() {
            return "waiting";
        }
        if backend.drain {
            return "draining";
        }
        let is_down = peer.is_some_and(|peer| {
            !peer.available(process::now_ms(), &self.passive)
                || !self.checks.allow(peer) && !routes.is_in_panic()
        });
        if is_down { "down" } else { "up" }
    }
}
