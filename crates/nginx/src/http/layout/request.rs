//! What nginx's own functions write into a request and an upstream that are made for the purpose.

use super::moved::{Moved, expect};
use super::tables::Variables;
use crate::sys;
use ngx::core::Status;
use std::ffi::c_void;
use std::mem::{offset_of, size_of};
use std::ptr;

/// Memory for a structure, zeroed, with room behind it in case nginx has a larger one.
#[repr(C, align(16))]
struct Room([usize; WORDS]);

const WORDS: usize = 2048;
const _: () = assert!(size_of::<sys::ngx_http_request_t>() * 2 < size_of::<Room>());
const _: () = assert!(size_of::<sys::ngx_connection_t>() * 2 < size_of::<Room>());

impl Room {
    fn zeroed() -> Box<Self> {
        Box::new(Self([0; WORDS]))
    }
}

/// # Safety
/// `cf` is the configuration being read; its layout, pools and nginx's tables have been compared.
pub(super) unsafe fn compare(cf: *mut sys::ngx_conf_t, variables: &Variables) -> Result<(), Moved> {
    // SAFETY: promised by the caller.
    let log = unsafe { (*cf).log };
    // SAFETY: the log of the configuration being read.
    let pool = unsafe { sys::ngx_create_pool(POOL, log) };
    if pool.is_null() {
        return Ok(());
    }
    // SAFETY: just made.
    let compared = unsafe { parsing(pool) }
        .and_then(|()| connection(variables))
        // SAFETY: just made, and mostly unused.
        .and_then(|()| unsafe { upstream(pool) });
    // SAFETY: nothing in it is used any more.
    unsafe { sys::ngx_destroy_pool(pool) };
    compared
}

/// Room for the structures that nginx makes here.
const POOL: usize = 16 * 1024;

const TEXT: &[u8] = b"GET /a.b?c HTTP/1.1\r\nHost: x\r\n";

/// nginx parses a request: the parser writes into its request, and reads nothing else.
///
/// # Safety
/// `pool` is live.
unsafe fn parsing(pool: *mut sys::ngx_pool_t) -> Result<(), Moved> {
    let mut room = Room::zeroed();
    let r = room.0.as_mut_ptr().cast::<sys::ngx_http_request_t>();
    // SAFETY: promised by the caller.
    let buffer = unsafe { sys::ngx_create_temp_buf(pool, TEXT.len()) };
    // SAFETY: null or just made.
    let Some(buffer) = (unsafe { buffer.as_mut() }) else {
        return Ok(());
    };
    let begin = buffer.pos;
    // SAFETY: the buffer has just been made for as many bytes.
    unsafe { begin.copy_from_nonoverlapping(TEXT.as_ptr(), TEXT.len()) };
    buffer.last = buffer.end;
    let at = |offset: usize| begin.wrapping_add(offset);
    // SAFETY: a request of zeros, as nginx makes it, and a buffer with a request line.
    let parsed = unsafe { sys::ngx_http_parse_request_line(r, buffer) };
    expect("ngx_http_request_t", parsed, Status::NGX_OK.0)?;
    // SAFETY: zeros are a request; nobody else has it.
    let request = unsafe { &mut *r };
    expect(
        "ngx_http_request_t.method",
        request.method,
        sys::NGX_HTTP_GET as usize,
    )?;
    expect(
        "ngx_http_request_t.http_version",
        request.http_version,
        1001,
    )?;
    expect(
        "ngx_http_request_t.request_start",
        request.request_start,
        at(0),
    )?;
    expect("ngx_http_request_t.method_end", request.method_end, at(2))?;
    expect("ngx_http_request_t.uri_start", request.uri_start, at(4))?;
    expect("ngx_http_request_t.uri_ext", request.uri_ext, at(7))?;
    expect("ngx_http_request_t.args_start", request.args_start, at(9))?;
    expect("ngx_http_request_t.uri_end", request.uri_end, at(10))?;
    request.uri.data = request.uri_start;
    request.uri.len = 4;
    // SAFETY: reads the path just set.
    unsafe { sys::ngx_http_set_exten(r) };
    // SAFETY: as above.
    let request = unsafe { &mut *r };
    expect("ngx_http_request_t.exten", request.exten.data, at(7))?;
    // SAFETY: a parsed request, and a buffer with a header line.
    let parsed = unsafe { sys::ngx_http_parse_header_line(r, buffer, 1) };
    expect("ngx_http_request_t", parsed, Status::NGX_OK.0)?;
    // SAFETY: as above.
    let request = unsafe { &*r };
    let lowered = request.lowcase_header.get(..4);
    expect("ngx_http_request_t.lowcase_header", lowered, Some(b"host"))?;
    expect(
        "ngx_http_request_t.header_name_start",
        request.header_name_start,
        at(21),
    )?;
    expect("ngx_http_request_t.header_end", request.header_end, at(28))
}

/// nginx reads the client's address from a connection in which each word is its own offset.
fn connection(variables: &Variables) -> Result<(), Moved> {
    const WORD: usize = size_of::<usize>();
    let Some(show) = variables.find("remote_addr").and_then(|v| v.get_handler) else {
        return Ok(());
    };
    let mut words = Room::zeroed();
    for (index, word) in words.0.iter_mut().enumerate() {
        *word = index.wrapping_mul(WORD);
    }
    let mut room = Room::zeroed();
    // What stands before the headers is the connection, wherever it stands there: no other pointer
    // is followed, and where the headers begin is known from the tables.
    let headers = offset_of!(sys::ngx_http_request_t, headers_in) / WORD;
    for word in room.0.iter_mut().take(headers) {
        *word = words.0.as_mut_ptr() as usize;
    }
    let mut values = Room::zeroed();
    let value = values.0.as_mut_ptr().cast::<sys::ngx_variable_value_t>();
    // SAFETY: the function reads the text of the connection's address, and follows it nowhere.
    unsafe { show(room.0.as_mut_ptr().cast(), value, 0) };
    // SAFETY: zeros are a value; nobody else has it.
    let value = unsafe { &*value };
    let text = offset_of!(sys::ngx_connection_t, addr_text);
    expect("ngx_connection_t.addr_text", value.len() as usize, text)?;
    let data = text.wrapping_add(offset_of!(sys::ngx_str_t, data));
    expect("ngx_connection_t.addr_text", value.data as usize, data)
}

/// nginx makes an upstream for a request.
///
/// # Safety
/// `pool` is live, with room for an upstream.
unsafe fn upstream(pool: *mut sys::ngx_pool_t) -> Result<(), Moved> {
    let (mut room, mut words, mut logs) = (Room::zeroed(), Room::zeroed(), Room::zeroed());
    let r = room.0.as_mut_ptr().cast::<sys::ngx_http_request_t>();
    let connection = words.0.as_mut_ptr().cast::<sys::ngx_connection_t>();
    let log = logs.0.as_mut_ptr().cast::<sys::ngx_log_t>();
    // SAFETY: zeros are a connection; nobody else has it.
    unsafe { (*connection).log = log };
    // SAFETY: zeros are a request; nobody else has it.
    unsafe { (*r).connection = connection };
    // SAFETY: as above.
    unsafe { (*r).pool = pool };
    // SAFETY: as above.
    unsafe { (*r).main = r };
    // SAFETY: a live pool.
    let before = unsafe { (*pool).d.last };
    // SAFETY: takes memory from the request's pool and reads its connection's log.
    let made = unsafe { sys::ngx_http_upstream_create(r) };
    if made != Status::NGX_OK.0 {
        return Ok(());
    }
    // SAFETY: as above.
    let upstream = unsafe { (*r).upstream };
    let aligned = before.wrapping_add(before.align_offset(size_of::<usize>()));
    // SAFETY: a live pool.
    if !unsafe { is_alone(pool, upstream.cast()) } {
        expect("ngx_http_request_t.upstream", upstream.cast(), aligned)?;
        // SAFETY: a live pool.
        let after = unsafe { (*pool).d.last };
        let size = size_of::<sys::ngx_http_upstream_t>();
        expect("ngx_http_upstream_t", after, aligned.wrapping_add(size))?;
    }
    // SAFETY: made by nginx just now, as large as this build has it.
    let upstream = unsafe { &*upstream };
    expect("ngx_http_upstream_t.peer", upstream.peer.log, log)?;
    let length = upstream.headers_in.content_length_n;
    expect("ngx_http_upstream_t.headers_in", length, -1)?;
    expect("ngx_http_upstream_t.conf", upstream.conf, ptr::null_mut())
}

/// Whether the pool's last allocation is `memory`, on its own: an nginx with NGX_DEBUG_PALLOC (as
/// AddressSanitizer wants it) puts nothing behind anything else.
///
/// # Safety
/// `pool` is live.
unsafe fn is_alone(pool: *mut sys::ngx_pool_t, memory: *const c_void) -> bool {
    // SAFETY: promised by the caller.
    let large = unsafe { (*pool).large };
    // SAFETY: null or the pool's newest large allocation.
    unsafe { large.as_ref() }.is_some_and(|large| ptr::eq(large.alloc, memory))
}
