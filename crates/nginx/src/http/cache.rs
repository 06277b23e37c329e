//! nginx's caches of upstream answers (proxy, fastcgi, uwsgi, scgi): who may use them, and under which key.
//!
//! nginx asks two lists of expressions about each request: `…_cache_bypass` before it looks an answer up, `…_no_cache`
//! before it stores one (ngx_http_upstream.c). [`Merging::guard_caches`] puts a variable of ours first in both lists of
//! every location that caches. When nginx reads the first one, the key of the entry is made but not used yet, so that
//! reading it may also put a part in front of that key.

use crate::conf::{Conf, Error};
use crate::ffi::bytes;
use crate::ffi::log::Level;
use crate::http::bits;
pub use crate::http::cache_use::{CacheGuard, CacheUse};
use crate::http::conf::Merging;
use crate::http::kind::{HttpKind, conf_of};
use crate::http::request::Request;
use crate::http::value::Expression;
use crate::http::variable::{Answer, Getter};
use crate::sys;
use std::cell::RefCell;
use std::mem::offset_of;

/// The two variables, and the lists made with them so far.
#[derive(Default)]
pub struct CacheGuards {
    expressions: RefCell<Option<[Expression; 2]>>,
    /// Old list and new list: locations inherit lists from each other.
    made: RefCell<Vec<(Slot, *mut sys::ngx_array_t, *mut sys::ngx_array_t)>>,
}

/// One of the two lists.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Slot {
    Bypass,
    NoCache,
}

impl Slot {
    const ALL: [Self; 2] = [Self::Bypass, Self::NoCache];

    /// How the directive's name ends.
    const fn suffix(self) -> &'static [u8] {
        match self {
            Self::Bypass => b"_cache_bypass",
            Self::NoCache => b"_no_cache",
        }
    }

    /// Where the list is in nginx's settings of an upstream.
    const fn offset(self) -> usize {
        match self {
            Self::Bypass => offset_of!(sys::ngx_http_upstream_conf_t, cache_bypass),
            Self::NoCache => offset_of!(sys::ngx_http_upstream_conf_t, no_cache),
        }
    }

    /// The variable that is put into it. Its name is ours alone: a configuration that defines it is refused.
    const fn variable(self) -> &'static str {
        match self {
            Self::Bypass => "gatehouse_cache_bypass",
            Self::NoCache => "gatehouse_no_cache",
        }
    }
}

impl<M: HttpKind> Conf<'_, M> {
    /// Adds the two variables, before the configuration is read.
    pub fn add_cache_variables<G: CacheGuard<Module = M>>(&mut self) -> Result<(), Error> {
        for slot in Slot::ALL {
            let data = usize::from(slot == Slot::NoCache);
            self.add_own_variable::<Reader<G>>(slot.variable(), data)?;
        }
        Ok(())
    }
}

impl<M: HttpKind> Merging<'_, M> {
    /// Puts the variables into the lists of the location that is being merged, if it caches.
    pub fn guard_caches(&mut self, guards: &CacheGuards) -> Result<(), Error> {
        if guards.expressions.borrow().is_none() {
            let compile = |slot: Slot| {
                self.conf
                    .compile(format!("${}", slot.variable()).as_bytes())
            };
            let [bypass, no_cache] = Slot::ALL.map(compile);
            *guards.expressions.borrow_mut() = Some([bypass?, no_cache?]);
        }
        for module in http_modules(self.cf) {
            let Some([bypass, no_cache]) = cache_lists(module)? else {
                continue;
            };
            let Some(conf) = self.location_of(module) else {
                continue;
            };
            let settings = bypass.saturating_sub(Slot::Bypass.offset());
            // SAFETY: `cache_lists` found it inside the module's own structure.
            let settings = unsafe { conf.add(settings) }.cast::<sys::ngx_http_upstream_conf_t>();
            // SAFETY: nginx's settings of an upstream, merged already.
            if unsafe { bits::gatehouse_upstream_conf_caches(settings) } == 0 {
                continue;
            }
            for (slot, offset) in [(Slot::Bypass, bypass), (Slot::NoCache, no_cache)] {
                // SAFETY: a list of that structure.
                let list = unsafe { conf.add(offset) }.cast::<*mut sys::ngx_array_t>();
                // SAFETY: null or a list in the configuration's pool.
                let old = unsafe { list.read() };
                let new = self.with_ours(guards, slot, old)?;
                // SAFETY: as above; nobody else looks at it meanwhile.
                unsafe { list.write(new) };
            }
        }
        Ok(())
    }

    /// The configuration that a module has for the location being merged.
    fn location_of(&self, module: *mut sys::ngx_module_t) -> Option<*mut u8> {
        // SAFETY: a module of the cycle, an http one, whatever its configuration is.
        let conf: *mut u8 = unsafe { conf_of(self.conf.context().loc_conf, module) };
        (!conf.is_null()).then_some(conf)
    }

    /// The list with our expression in front of what it had.
    fn with_ours(
        &self,
        guards: &CacheGuards,
        slot: Slot,
        old: *mut sys::ngx_array_t,
    ) -> Result<*mut sys::ngx_array_t, Error> {
        // NGX_CONF_UNSET_PTR: the module merges its configuration after us.
        if old.addr() == usize::MAX {
            return Err(Error::new(
                "the module must be loaded after those that have a cache",
            ));
        }
        let mut made = guards.made.borrow_mut();
        // A location inherits the list that its server was given here.
        let known = made
            .iter()
            .find(|(of, from, to)| *of == slot && (*from == old || *to == old));
        if let Some((_, _, list)) = known {
            return Ok(*list);
        }
        let expressions = guards.expressions.borrow();
        let ours = expressions
            .as_ref()
            .and_then(|all| all.get(usize::from(slot == Slot::NoCache)))
            .ok_or_else(|| Error::new("no expression for a cache"))?;
        // SAFETY: `cf` is live.
        let pool = unsafe { (*self.cf).pool };
        // SAFETY: its pool; null or a list of compiled expressions.
        let list = unsafe { copy_behind(pool, ours, old) }
            .ok_or_else(|| Error::new("no memory for a cache"))?;
        made.push((slot, old, list));
        Ok(list)
    }
}

/// A new list: `first`, then what `rest` has.
///
/// # Safety
/// `pool` is live; `rest` is null or an array of compiled expressions.
unsafe fn copy_behind(
    pool: *mut sys::ngx_pool_t,
    first: &Expression,
    rest: *mut sys::ngx_array_t,
) -> Option<*mut sys::ngx_array_t> {
    type Compiled = sys::ngx_http_complex_value_t;
    // SAFETY: promised by the caller.
    let rest = unsafe { rest.as_ref() };
    // SAFETY: as above.
    let rest = rest.map_or(&[][..], |list| unsafe { list.as_slice::<Compiled>() });
    let length = rest.len().checked_add(1)?;
    // SAFETY: the pool is live.
    let list = unsafe { sys::ngx_array_create(pool, length, size_of::<Compiled>()) };
    if list.is_null() {
        return None;
    }
    for one in std::iter::once(first.compiled()).chain(rest) {
        // SAFETY: the array has room for one more, or grows.
        let at = unsafe { sys::ngx_array_push(list) }.cast::<Compiled>();
        if at.is_null() {
            return None;
        }
        // SAFETY: a fresh element; a compiled expression may be copied, as nginx itself does.
        unsafe { at.copy_from_nonoverlapping(one, 1) };
    }
    Some(list)
}

/// The http modules of the configuration being read, in their order.
fn http_modules(cf: *mut sys::ngx_conf_t) -> impl Iterator<Item = *mut sys::ngx_module_t> {
    // SAFETY: `cf` is live.
    let cycle = unsafe { (*cf).cycle };
    // SAFETY: the cycle being built has its list of modules, closed by a null.
    let mut next = unsafe { (*cycle).modules };
    std::iter::from_fn(move || {
        // SAFETY: within the list.
        let module = unsafe { next.read() };
        next = next.wrapping_add(1);
        (!module.is_null()).then_some(module)
    })
    .fuse()
    // SAFETY: a module of the list.
    .filter(|module| unsafe { (**module).type_ } == sys::NGX_HTTP_MODULE as usize)
}

/// Where a module that caches keeps its two lists, by its own table of directives; None for a module without a cache.
/// One that caches without such lists could not be guarded: it is refused.
fn cache_lists(module: *mut sys::ngx_module_t) -> Result<Option<[usize; 2]>, Error> {
    // SAFETY: a module of the cycle.
    let mut command = unsafe { (*module).commands };
    let (mut has_caches, mut lists) = (false, [None; 2]);
    // SAFETY: null, or a row of the module's table, whose last row has no name.
    while let Some(row) = unsafe { command.as_ref() }.filter(|row| row.name.len > 0) {
        // SAFETY: names are literals of the module.
        let name = unsafe { bytes::slice(row.name) };
        has_caches |= name.ends_with(b"_cache_path");
        for (slot, list) in Slot::ALL.into_iter().zip(&mut lists) {
            if name.ends_with(slot.suffix()) {
                *list = Some(row.offset);
            }
        }
        // SAFETY: not the last row.
        command = unsafe { command.add(1) };
    }
    match lists {
        [None, None] if !has_caches => Ok(None),
        [Some(bypass), Some(no_cache)] if same_start(bypass, no_cache) => {
            Ok(Some([bypass, no_cache]))
        }
        _ => Err(Error::new(
            "this nginx keeps its cache settings elsewhere than the one the module was built for",
        )),
    }
}

/// Whether both lists are in one structure of nginx's, as the module was built for it.
fn same_start(bypass: usize, no_cache: usize) -> bool {
    let start = bypass.checked_sub(Slot::Bypass.offset());
    start.is_some() && start == no_cache.checked_sub(Slot::NoCache.offset())
}

/// The getter of the two variables.
struct Reader<G>(std::marker::PhantomData<G>);

impl<G: CacheGuard> Getter for Reader<G> {
    fn get(r: Request<'_>, data: usize) -> Answer<'_> {
        const YES: Answer<'static> = Answer::Value(b"1");
        let storing = data == 1;
        match G::decide(r) {
            CacheUse::Free => Answer::NotFound,
            CacheUse::Never => YES,
            CacheUse::KeyedBy(part) if storing && r.is_cache_keyed_by(part) => Answer::NotFound,
            CacheUse::KeyedBy(part) if !storing && r.key_cache_by(part).is_some() => {
                Answer::NotFound
            }
            CacheUse::KeyedBy(_) => YES,
        }
    }
}

impl<'r> Request<'r> {
    /// Whether the answer comes from nginx's cache.
    pub fn served_from_cache(self) -> bool {
        // nginx leaves `cached` set when the request goes on to a location without a cache.
        // SAFETY: a live request.
        !self.fields().cache.is_null() && unsafe { bits::gatehouse_request_cached(self.raw()) != 0 }
    }

    /// Whether nginx's cache will keep the answer of the request's upstream, as far as is known when its headers are sent:
    /// what ngx_http_upstream_send_response looks at afterwards, but for `proxy_no_cache`.
    pub fn is_for_cache(self) -> bool {
        let Some(upstream) = self.upstream().filter(|u| u.cacheable() != 0) else {
            return false;
        };
        // SAFETY: null or the request's cache record.
        let Some(cache) = (unsafe { self.fields().cache.as_ref() }) else {
            return false;
        };
        if cache.valid_sec != 0 {
            return true;
        }
        // SAFETY: null or the location's upstream settings.
        let Some(settings) = (unsafe { upstream.conf.as_ref() }) else {
            return false;
        };
        let status = upstream.headers_in.status_n;
        // SAFETY: null or the location's array of times.
        unsafe { sys::ngx_http_file_cache_valid(settings.cache_valid, status) != 0 }
    }

    /// Whether the key of the request's cache entry begins with `part`; true when there is no entry.
    fn is_cache_keyed_by(self, part: &[u8]) -> bool {
        // SAFETY: null or the request's cache record.
        let Some(cache) = (unsafe { self.fields().cache.as_ref() }) else {
            return true;
        };
        // SAFETY: an array of strings in the request's pool.
        let keys = unsafe { cache.keys.as_slice::<sys::ngx_str_t>() };
        // SAFETY: as above.
        keys.first()
            .is_some_and(|key| unsafe { bytes::slice(*key) } == part)
    }

    /// Puts `part` in front of the key of the request's cache entry, once; None when the key would be too long for
    /// nginx's buffer, or memory is short: then the key is as it was.
    fn key_cache_by(self, part: &'r [u8]) -> Option<()> {
        if self.is_cache_keyed_by(part) {
            return Some(());
        }
        let cache = self.fields().cache;
        // SAFETY: not null (seen above): the request's cache record, whose keys are an array of strings.
        let keys = unsafe { &raw mut (*cache).keys };
        // SAFETY: as above.
        let added = unsafe { sys::ngx_array_push(keys) }.cast::<sys::ngx_str_t>();
        if added.is_null() {
            return None;
        }
        // SAFETY: a fresh element.
        unsafe { added.write(bytes::borrow(part)) };
        // SAFETY: the array; nobody else looks at it meanwhile.
        let array = unsafe { &mut *keys };
        // SAFETY: it holds strings.
        unsafe { array.as_slice_mut::<sys::ngx_str_t>() }.rotate_right(1);
        // SAFETY: a live request with a cache record; hashes all keys anew.
        unsafe { sys::ngx_http_file_cache_create_key(self.raw()) };
        if self.cache_key_fits() {
            return Some(());
        }
        // nginx reads the answer's header behind the key, into the same buffer: it must have its old length again.
        // SAFETY: the array, as above.
        let array = unsafe { &mut *keys };
        // SAFETY: it holds strings, the first of them ours.
        unsafe { array.as_slice_mut::<sys::ngx_str_t>() }.rotate_left(1);
        array.nelts = array.nelts.saturating_sub(1);
        // SAFETY: a live request with a cache record.
        unsafe { sys::ngx_http_file_cache_create_key(self.raw()) };
        self.log(
            Level::Error,
            "the buffer for an answer's header is too small for the cache key with the key of \"upstream_lookup\" in front of it",
        );
        None
    }

    /// Whether the cache key leaves room for a header, by nginx's own rule (ngx_http_upstream_cache).
    fn cache_key_fits(self) -> bool {
        // SAFETY: null or the request's cache record.
        let needed = unsafe { self.fields().cache.as_ref() }.map_or(0, |cache| cache.header_start);
        // SAFETY: nginx's settings of the location's upstream.
        let room = self
            .upstream_settings()
            .map(|conf| unsafe { (*conf).buffer_size });
        room.zip(needed.checked_add(256))
            .is_some_and(|(room, needed)| needed <= room)
    }
}
