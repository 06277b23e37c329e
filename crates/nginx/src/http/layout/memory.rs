//! Pools and what is made in them; the configuration being read and its cycle.

use super::moved::{Moved, expect};
use crate::sys;
use std::ptr;

/// # Safety
/// `cf` is the configuration being read, in the preconfiguration of an http module.
pub(super) unsafe fn compare(cf: *mut sys::ngx_conf_t) -> Result<(), Moved> {
    // SAFETY: promised by the caller.
    unsafe { configuration(cf) }?;
    // SAFETY: compared just now.
    let log = unsafe { (*cf).log };
    // SAFETY: the log of the configuration being read.
    let pool = unsafe { sys::ngx_create_pool(POOL, log) };
    if pool.is_null() {
        return Ok(());
    }
    // SAFETY: just made.
    let compared = unsafe { pools(pool) };
    // SAFETY: nothing in it is used any more.
    unsafe { sys::ngx_destroy_pool(pool) };
    compared
}

const POOL: usize = 1024;

/// # Safety
/// As for [`compare`].
unsafe fn configuration(cf: *mut sys::ngx_conf_t) -> Result<(), Moved> {
    // SAFETY: promised by the caller; a structure of words, whatever they mean.
    let conf = unsafe { &*cf };
    // The block `http` is read by a module of the core, at the top.
    expect(
        "ngx_conf_t.module_type",
        conf.module_type,
        sys::NGX_CORE_MODULE as usize,
    )?;
    expect(
        "ngx_conf_t.cmd_type",
        conf.cmd_type,
        sys::NGX_MAIN_CONF as usize,
    )?;
    // SAFETY: the members in front of those just compared.
    let cycle = unsafe { &*conf.cycle };
    expect("ngx_cycle_t.pool", cycle.pool, conf.pool)?;
    expect("ngx_cycle_t.log", cycle.log, conf.log)?;
    expect(
        "ngx_cycle_t.listening",
        cycle.listening.size,
        size_of::<sys::ngx_listening_t>(),
    )?;
    expect(
        "ngx_cycle_t.config_dump",
        cycle.config_dump.size,
        size_of::<sys::ngx_conf_dump_t>(),
    )?;
    expect(
        "ngx_cycle_t.open_files",
        cycle.open_files.size,
        size_of::<sys::ngx_open_file_t>(),
    )?;
    expect(
        "ngx_cycle_t.shared_memory",
        cycle.shared_memory.size,
        size_of::<sys::ngx_shm_zone_t>(),
    )
}

/// # Safety
/// `pool` has just been made with room for [`POOL`] bytes.
unsafe fn pools(pool: *mut sys::ngx_pool_t) -> Result<(), Moved> {
    // SAFETY: a live pool begins with where its free room begins and ends.
    let last = unsafe { (*pool).d.last };
    // SAFETY: as above.
    let end = unsafe { (*pool).d.end };
    let begin = pool.cast::<u8>();
    expect(
        "ngx_pool_t",
        last,
        begin.wrapping_add(size_of::<sys::ngx_pool_t>()),
    )?;
    expect("ngx_pool_t.d.end", end, begin.wrapping_add(POOL))?;
    // SAFETY: the size of the structure is the one of this build.
    expect("ngx_pool_t.current", unsafe { (*pool).current }, pool)?;
    // SAFETY: as above.
    let cleanup = unsafe { (*pool).cleanup };
    expect("ngx_pool_t.cleanup", cleanup, ptr::null_mut())?;
    // SAFETY: a live pool.
    let array = unsafe { sys::ngx_array_create(pool, 3, 24) };
    // SAFETY: null or just made.
    if let Some(array) = unsafe { array.as_ref() } {
        expect("ngx_array_t.size", array.size, 24)?;
        expect("ngx_array_t.nalloc", array.nalloc, 3)?;
        expect("ngx_array_t.pool", array.pool, pool)?;
    }
    // SAFETY: a live pool.
    let list = unsafe { sys::ngx_list_create(pool, 3, 24) };
    // SAFETY: null or just made.
    if let Some(list) = unsafe { list.as_ref() } {
        expect(
            "ngx_list_t.last",
            list.last.cast_const(),
            &raw const list.part,
        )?;
        expect("ngx_list_t.size", list.size, 24)?;
        expect("ngx_list_t.nalloc", list.nalloc, 3)?;
        expect("ngx_list_t.pool", list.pool, pool)?;
    }
    // SAFETY: a live pool.
    let buffer = unsafe { sys::ngx_create_temp_buf(pool, 24) };
    // SAFETY: null or just made.
    if let Some(buffer) = unsafe { buffer.as_ref() } {
        expect("ngx_buf_t.start", buffer.start, buffer.pos)?;
        expect("ngx_buf_t.last", buffer.last, buffer.pos)?;
        expect("ngx_buf_t.end", buffer.end, buffer.pos.wrapping_add(24))?;
    }
    Ok(())
}
