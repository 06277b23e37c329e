//! nginx's tables of directives, header fields and variables: each row says at which offset of a
//! structure its value lies.

use super::moved::{Moved, expect};
use crate::ffi::bytes;
use crate::http::kind::conf_of;
use crate::http::variable::definitions;
use crate::sys;
use std::mem::offset_of;

/// A row of one of nginx's tables: its name there, the member it stands for, its offset in this build.
struct Row(&'static str, &'static str, usize);

/// `rows!(structure: "name in the table" => member, …)`
macro_rules! rows {
    ($structure:ident: $($name:literal => $($member:ident).+),+ $(,)?) => {
        &[$(Row(
            $name,
            concat!(stringify!($structure), ".", stringify!($($member).+)),
            offset_of!(sys::$structure, $($member).+),
        )),+]
    };
}

/// Settings of `http`, which lead to everything else.
const MAIN: &[Row] = rows!(ngx_http_core_main_conf_t:
    "server_names_hash_max_size" => server_names_hash_max_size,
    "variables_hash_max_size" => variables_hash_max_size,
    "variables_hash_bucket_size" => variables_hash_bucket_size,
);

const SERVER: &[Row] = rows!(ngx_http_core_srv_conf_t:
    "connection_pool_size" => connection_pool_size,
    "request_pool_size" => request_pool_size,
    "client_header_timeout" => client_header_timeout,
    "merge_slashes" => merge_slashes,
    "underscores_in_headers" => underscores_in_headers,
);

const LOCATION: &[Row] = rows!(ngx_http_core_loc_conf_t:
    "client_max_body_size" => client_max_body_size,
    "client_body_timeout" => client_body_timeout,
    "send_timeout" => send_timeout,
    "resolver_timeout" => resolver_timeout,
    "satisfy" => satisfy,
    "sendfile" => sendfile,
    "tcp_nopush" => tcp_nopush,
    "log_not_found" => log_not_found,
    "recursive_error_pages" => recursive_error_pages,
    "chunked_transfer_encoding" => chunked_transfer_encoding,
    "etag" => etag,
    "types_hash_max_size" => types_hash_max_size,
);

/// The settings of an upstream come first in those of `proxy_pass`.
const UPSTREAM: &[Row] = rows!(ngx_http_upstream_conf_t:
    "proxy_connect_timeout" => connect_timeout,
    "proxy_send_timeout" => send_timeout,
    "proxy_read_timeout" => read_timeout,
    "proxy_next_upstream_timeout" => next_upstream_timeout,
    "proxy_buffer_size" => buffer_size,
    "proxy_limit_rate" => limit_rate,
    "proxy_next_upstream" => next_upstream,
    "proxy_next_upstream_tries" => next_upstream_tries,
    "proxy_buffering" => buffering,
    "proxy_pass_request_headers" => pass_request_headers,
    "proxy_ignore_client_abort" => ignore_client_abort,
    "proxy_intercept_errors" => intercept_errors,
    "proxy_force_ranges" => force_ranges,
);

#[cfg(ngx_feature = "http_cache")]
const UPSTREAM_CACHE: &[Row] = rows!(ngx_http_upstream_conf_t:
    "proxy_cache_bypass" => cache_bypass,
    "proxy_no_cache" => no_cache,
    "proxy_cache_min_uses" => cache_min_uses,
);
#[cfg(not(ngx_feature = "http_cache"))]
const UPSTREAM_CACHE: &[Row] = &[];

const HEADERS: &[Row] = rows!(ngx_http_headers_in_t:
    "Host" => host,
    "Connection" => connection,
    "Content-Type" => content_type,
    "Transfer-Encoding" => transfer_encoding,
    "Upgrade" => upgrade,
    "Authorization" => authorization,
);

/// Variables that are a text of the request: the offset is their `data`.
const VARIABLES: &[Row] = rows!(ngx_http_request_t:
    "http_host" => headers_in.host,
    "uri" => uri,
    "args" => args,
    "request_uri" => unparsed_uri,
    "server_protocol" => http_protocol,
);

/// A row that nginx has under another offset, or not at all, is one that has moved.
fn compare_rows(rows: &[Row], find: impl Fn(&'static str) -> Option<usize>) -> Result<(), Moved> {
    rows.iter()
        .try_for_each(|Row(name, member, built)| expect(member, find(name), Some(*built)))
}

/// The variables that nginx's core has added.
pub(super) struct Variables(Vec<*const sys::ngx_http_variable_t>);

impl Variables {
    /// The variable of that name.
    pub(super) fn find(&self, name: &str) -> Option<&sys::ngx_http_variable_t> {
        let all = self.0.iter();
        // SAFETY: nginx's own, in the pool of the configuration being read.
        let mut all = all.filter_map(|one| unsafe { one.as_ref() });
        // SAFETY: their names are static.
        all.find(|one| unsafe { bytes::slice(one.name) } == name.as_bytes())
    }
}

/// # Safety
/// `cf` is the configuration being read, in the preconfiguration of an http module, with the layout
/// that [`super::memory`] has compared.
pub(super) unsafe fn compare(cf: *mut sys::ngx_conf_t) -> Result<Variables, Moved> {
    // SAFETY: a static of nginx.
    let core = unsafe { sys::ngx_http_core_module.commands };
    for rows in [MAIN, SERVER, LOCATION] {
        // SAFETY: a module's table of directives.
        compare_rows(rows, |name| unsafe { directive(core, name) })?;
    }
    // SAFETY: promised by the caller.
    if let Some(proxy) = unsafe { module(cf, "ngx_http_proxy_module") } {
        for rows in [UPSTREAM, UPSTREAM_CACHE] {
            // SAFETY: a module's table of directives.
            compare_rows(rows, |name| unsafe { directive(proxy.commands, name) })?;
        }
    }
    compare_rows(HEADERS, header)?;
    // SAFETY: promised by the caller; the way there was compared above.
    let variables = unsafe { variables(cf) };
    compare_rows(VARIABLES, |name| variables.find(name).map(|one| one.data))?;
    Ok(variables)
}

/// # Safety
/// `commands` is a module's table of directives.
unsafe fn directive(commands: *const sys::ngx_command_t, name: &str) -> Option<usize> {
    let mut row = commands;
    loop {
        // SAFETY: an empty name ends the table.
        let command = unsafe { row.as_ref() }.filter(|row| row.name.len != 0)?;
        // SAFETY: its name is static.
        if unsafe { bytes::slice(command.name) } == name.as_bytes() {
            return Some(command.offset);
        }
        row = row.wrapping_add(1);
    }
}

/// # Safety
/// As for [`compare`].
unsafe fn module<'c>(cf: *mut sys::ngx_conf_t, name: &str) -> Option<&'c sys::ngx_module_t> {
    // SAFETY: promised by the caller.
    let cycle = unsafe { (*cf).cycle };
    // SAFETY: the cycle being built.
    let mut row = unsafe { (*cycle).modules };
    loop {
        // SAFETY: within the list.
        let module = unsafe { row.read() };
        // SAFETY: null at the end of the list, else one of nginx's modules.
        let module = unsafe { module.as_ref() }?;
        // SAFETY: nginx names each module.
        let found = unsafe { std::ffi::CStr::from_ptr(module.name) };
        if found.to_bytes() == name.as_bytes() {
            return Some(module);
        }
        row = row.wrapping_add(1);
    }
}

fn header(name: &'static str) -> Option<usize> {
    let mut row = (&raw const sys::ngx_http_headers_in).cast::<sys::ngx_http_header_t>();
    loop {
        // SAFETY: an empty name ends the table.
        let header = unsafe { row.as_ref() }.filter(|row| row.name.len != 0)?;
        // SAFETY: its name is static.
        if unsafe { bytes::slice(header.name) } == name.as_bytes() {
            return Some(header.offset);
        }
        row = row.wrapping_add(1);
    }
}

/// # Safety
/// As for [`compare`], with the core's main configuration compared.
unsafe fn variables(cf: *mut sys::ngx_conf_t) -> Variables {
    // SAFETY: `cf` is live.
    let context = unsafe { (*cf).ctx }.cast::<sys::ngx_http_conf_ctx_t>();
    // SAFETY: inside `http`, `ctx` is nginx's http context.
    let table = unsafe { (*context).main_conf };
    let core = &raw const sys::ngx_http_core_module;
    // SAFETY: the core module's own slot.
    let core: *const sys::ngx_http_core_main_conf_t = unsafe { conf_of(table, core) };
    // SAFETY: its main configuration.
    let definitions = unsafe { definitions(core) };
    Variables(definitions.map(|(_, variable)| variable).collect())
}
