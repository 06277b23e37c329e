//! How each backend is, as this nginx sees it.

use super::gate::Call;
use super::list::{ARGUMENTS, Pages};
use super::problem::Problem;
use crate::upstream::state::States;
use gatehouse_live::table::url_of;
use gatehouse_nginx::Request;
use gatehouse_nginx::ffi::process;
use gatehouse_nginx::http::reply::Reply;
use gatehouse_table::api::Query;
use gatehouse_table::route::write_text;
use gatehouse_table::table::{BackendView, Peer, RouteView, Table};
use std::io::Write;

/// `GET /-/health`
pub(super) fn show(r: Request<'_>, call: &Call<'_>) -> Result<Reply, Problem> {
    let query = Query::parse(r.args(), ARGUMENTS)?;
    let routes = call.table.routes().ok_or_else(Problem::busy)?;
    let rules = Rules(States::of(call.table));
    let row = move |routes: &Table<'_>, view: &RouteView<'_>, out: &mut Vec<u8>| {
        rules.write(routes, view, out);
    };
    let pages = Pages::new(call, &routes, query, Box::new(row)).with_owners();
    let reply = Reply::new(200)
        .header("Content-Type", "application/json")
        .header("Cache-Control", "no-store");
    Ok(reply.stream(pages))
}

/// By what a backend is left out.
struct Rules(States);

impl Rules {
    /// The backends of a route, each with its state.
    fn write(&self, routes: &Table<'_>, view: &RouteView<'_>, out: &mut Vec<u8>) {
        out.push(b'[');
        for (number, backend) in view.backends().enumerate() {
            if number > 0 {
                out.push(b',');
            }
            self.write_backend(routes, (view, &backend), out);
        }
        out.push(b']');
    }

    fn write_backend(
        &self,
        routes: &Table<'_>,
        (view, backend): (&RouteView<'_>, &BackendView<'_>),
        out: &mut Vec<u8>,
    ) {
        let peer = routes.peer(backend.peer());
        out.extend_from_slice(b"{\"url\":");
        write_text(&url_of(backend), out);
        if let Some(name) = backend.name {
            out.extend_from_slice(b",\"name\":");
            write_text(name, out);
        }
        let state = self.0.word(routes, view, backend, peer.as_ref());
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
        if let Some(probe) = peer.probe().filter(|_| self.0.checks.on) {
            let (up, ago) = (probe.up, now_ms.saturating_sub(probe.at_ms));
            let _ = write!(out, ",\"check\":{{\"up\":{up},\"ago_ms\":{ago}}}");
        }
    }
}
