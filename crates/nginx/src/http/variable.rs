//! Variables: registered changeable, so that a user's own definition of the name wins, and not
//! cacheable in nginx's sense; families remember values in their request state.

use crate::conf::{Conf, Error};
use crate::ffi::bytes;
use crate::ffi::guard;
use crate::http::failure;
use crate::http::kind::HttpKind;
use crate::http::request::Request;
use crate::sys;
use ngx::core::Status;
use std::collections::HashSet;

/// What reading a variable gives.
#[derive(Clone, Copy, Debug)]
pub enum Answer<'r> {
    /// A value.
    Value(&'r [u8]),
    /// No value; prints as the empty string.
    NotFound,
    /// It could not be computed: the request ends with 500.
    Failed,
}

impl<'r> From<Option<&'r [u8]>> for Answer<'r> {
    fn from(value: Option<&'r [u8]>) -> Self {
        value.map_or(Self::NotFound, Self::Value)
    }
}

/// Which of the values that nginx keeps with a request; only the configuration gives one out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Index(pub(crate) usize);

/// A variable that exists whenever the module is loaded.
pub struct Variable<M: HttpKind> {
    /// Its name without `$`.
    pub name: &'static str,
    /// The reference's text, Markdown.
    pub text: &'static str,
    /// Computes it.
    pub get: for<'r> fn(Request<'r>) -> Answer<'r>,
    /// Ties the row to its module.
    module: std::marker::PhantomData<fn(M)>,
}

impl<M: HttpKind> Variable<M> {
    /// A row of a family's table.
    pub const fn new(
        name: &'static str,
        text: &'static str,
        get: for<'r> fn(Request<'r>) -> Answer<'r>,
    ) -> Self {
        Self {
            name,
            text,
            get,
            module: std::marker::PhantomData,
        }
    }
}

/// Computes a variable whose definition is known by a number.
pub trait Getter: 'static {
    /// The value for a request; `data` is what the variable was added with.
    fn get(r: Request<'_>, data: usize) -> Answer<'_>;
}

/// The getter of [`Variable`] rows: `data` is the row's address.
pub(crate) struct Fixed<M>(std::marker::PhantomData<M>);

impl<M: HttpKind> Getter for Fixed<M> {
    fn get(r: Request<'_>, data: usize) -> Answer<'_> {
        // SAFETY: `Conf::add_static_variable` passes a `&'static Variable<M>`.
        let row = unsafe { &*std::ptr::with_exposed_provenance::<Variable<M>>(data) };
        (row.get)(r)
    }
}

/// No definition lies below: Linux maps nothing there (vm.mmap_min_addr).
const LOWEST_ADDRESS: usize = 65_536;

impl<M: HttpKind> Conf<'_, M> {
    /// Adds a variable computed by `G` with `data`.
    pub fn add_variable<G: Getter>(&mut self, name: &str, data: usize) -> Result<(), Error> {
        let bare = bare_name(name)?;
        // SAFETY: `cf` is live.
        unsafe { add::<G>(self.cf, bare, data, Owner::Anybody) }
            .ok_or_else(|| Error::new(format!("variable \"{name}\" could not be added")))
    }

    /// Adds a variable that has this definition and no other: data that a client chooses must not come in its place (a
    /// named capture, `set $name $arg_x`).
    pub fn add_sole_variable<G: Getter>(&mut self, name: &str, data: usize) -> Result<(), Error> {
        let bare = bare_name(name)?;
        let lower = bare.to_ascii_lowercase();
        // SAFETY: nginx's own settings, live.
        let mut definitions = unsafe { definitions(self.core_main()) };
        let is_defined = definitions.any(|(known, variable)| {
            // SAFETY: null or a variable of the configuration.
            let variable = unsafe { variable.as_ref() };
            known == lower.as_bytes() && variable.is_some_and(|one| one.get_handler.is_some())
        });
        if is_defined {
            return Err(Error::new(format!("the duplicate \"{bare}\" variable")));
        }
        // SAFETY: `cf` is live.
        unsafe { add::<G>(self.cf, bare, data, Owner::Module) }
            .ok_or_else(|| Error::new(format!("variable \"{name}\" could not be added")))
    }

    /// Adds a variable, named without `$`, that no configuration may define itself.
    #[cfg(ngx_feature = "http_cache")]
    pub(crate) fn add_own_variable<G: Getter>(
        &mut self,
        name: &str,
        data: usize,
    ) -> Result<(), Error> {
        // SAFETY: `cf` is live.
        unsafe { add::<G>(self.cf, name, data, Owner::Module) }
            .ok_or_else(|| Error::new(format!("variable \"{name}\" could not be added")))
    }

    pub(crate) fn add_static_variable(
        &mut self,
        variable: &'static Variable<M>,
    ) -> Result<(), Error> {
        let data = std::ptr::from_ref(variable).expose_provenance();
        // SAFETY: `cf` is live; the getter turns `data` back into the static.
        unsafe { add::<Fixed<M>>(self.cf, variable.name, data, Owner::Anybody) }
            .ok_or_else(|| Error::new(format!("variable \"{}\" could not be added", variable.name)))
    }

    /// The indexes of the variables nginx keeps values of whose names are `wanted`.
    pub fn remembered_variables(&mut self, wanted: impl Fn(&str) -> bool) -> Vec<Index> {
        // SAFETY: nginx's own settings, live.
        let variables = unsafe { &(*self.core_main()).variables };
        // SAFETY: an array of variables, empty (null) when no configuration names one.
        let all = unsafe { variables.as_slice::<sys::ngx_http_variable_t>() };
        // SAFETY: names live in the configuration's pool.
        let name = |v: &sys::ngx_http_variable_t| unsafe { bytes::slice(v.name) };
        let hit = |v: &&sys::ngx_http_variable_t| std::str::from_utf8(name(v)).is_ok_and(&wanted);
        all.iter().filter(hit).map(|v| Index(v.index)).collect()
    }

    /// The indexes of the variables nginx keeps values of that a definition in the configuration
    /// computes from other variables: those of `map`, `geo`, `split_clients` and the like, whose
    /// `data` is the address of the definition. A `set` has a number there, a named capture nothing:
    /// nobody could compute these again. Only before nginx has read all of `http`.
    pub fn computed_variables(&mut self) -> Vec<Index> {
        // SAFETY: nginx's own settings, live.
        let definitions = unsafe { definitions(self.core_main()) };
        let definitions = definitions.filter_map(|(_, variable)| {
            // SAFETY: null or a variable of the configuration.
            unsafe { variable.as_ref() }
        });
        let names: HashSet<&[u8]> = definitions
            .filter(|one| one.data >= LOWEST_ADDRESS)
            // SAFETY: names live in the configuration's pool.
            .map(|one| unsafe { bytes::slice(one.name) })
            .collect();
        self.remembered_variables(|name| names.contains(name.as_bytes()))
    }

    /// The names, in lower case, of the variables that nginx, modules or the configuration define
    /// one by one: `http_host`, but not every `http_…`. Only before nginx has read all of `http`,
    /// as in `HttpModule::complete`; empty after that.
    pub fn defined_variables(&self) -> Vec<String> {
        // SAFETY: nginx's own settings, live.
        unsafe { definitions(self.core_main()) }
            .map(|(name, _)| String::from_utf8_lossy(name).into_owned())
            .collect()
    }
}

/// The name without its `$`.
fn bare_name(name: &str) -> Result<&str, Error> {
    let bare = name.strip_prefix('$').filter(|bare| !bare.is_empty());
    bare.ok_or_else(|| Error::new(format!("invalid variable name \"{name}\"")))
}

/// What defines variables so far: names in lower case, and the variables. Nothing once nginx has read all of `http`.
///
/// # Safety
/// `core` is the live main configuration of nginx's http core.
pub(crate) unsafe fn definitions<'c>(
    core: *const sys::ngx_http_core_main_conf_t,
) -> impl Iterator<Item = (&'c [u8], *const sys::ngx_http_variable_t)> {
    // SAFETY: promised by the caller.
    let keys = unsafe { (*core).variables_keys };
    // SAFETY: null, or the names collected so far, live while `http` is read.
    let keys = unsafe { keys.as_ref() };
    // SAFETY: an initialised array of hash keys (ngx_http_variables_add_core_vars).
    let keys = keys.map_or(&[][..], |all| unsafe {
        all.keys.as_slice::<sys::ngx_hash_key_t>()
    });
    keys.iter().map(|key| {
        // SAFETY: names live in the configuration's pool.
        let name = unsafe { bytes::slice(key.key) };
        (name, key.value.cast_const().cast())
    })
}

impl Request<'_> {
    /// Where nginx remembers the value of a variable.
    pub(crate) fn kept_value(self, index: Index) -> *mut sys::ngx_variable_value_t {
        // SAFETY: `variables` has one value for each index given out while the configuration was read.
        unsafe { self.fields().variables.add(index.0) }
    }

    /// Makes nginx compute a variable again that it may have remembered.
    pub fn forget_variable(self, index: Index) {
        let value = self.kept_value(index);
        // SAFETY: as above; nobody else looks at it meanwhile.
        bits::forget(unsafe { &mut *value });
    }
}

/// Who may define a variable.
pub(crate) enum Owner {
    /// The configuration may define the same name, and then its definition counts.
    Anybody,
    /// A configuration that defines the name is refused.
    Module,
}

/// # Safety
/// `cf` is the live configuration being read.
pub(crate) unsafe fn add<G: Getter>(
    cf: *mut sys::ngx_conf_t,
    name: &str,
    data: usize,
    owner: Owner,
) -> Option<()> {
    let mut text = bytes::borrow(name.as_bytes());
    let flags = match owner {
        Owner::Anybody => sys::NGX_HTTP_VAR_CHANGEABLE | sys::NGX_HTTP_VAR_NOCACHEABLE,
        Owner::Module => sys::NGX_HTTP_VAR_NOCACHEABLE,
    } as usize;
    // SAFETY: nginx copies the name.
    let variable = unsafe { sys::ngx_http_add_variable(cf, &raw mut text, flags) };
    // SAFETY: null or nginx's record of the variable.
    let variable = unsafe { variable.as_mut()? };
    if matches!(owner, Owner::Module) {
        // What was only named before has nginx's own flags.
        variable.flags &= !(sys::NGX_HTTP_VAR_CHANGEABLE as usize);
    }
    variable.get_handler = Some(get::<G>);
    variable.data = data;
    Some(())
}

/// # Safety
/// `cf` is the live configuration being read.
pub(crate) unsafe fn index(cf: *mut sys::ngx_conf_t, name: &str) -> Option<usize> {
    let mut text = bytes::borrow(name.as_bytes());
    // SAFETY: nginx copies the name.
    usize::try_from(unsafe { sys::ngx_http_get_variable_index(cf, &raw mut text) }).ok()
}

unsafe extern "C" fn get<G: Getter>(
    r: *mut sys::ngx_http_request_t,
    v: *mut sys::ngx_variable_value_t,
    data: usize,
) -> isize {
    // SAFETY: nginx passes a live request.
    let request = unsafe { Request::new(r) };
    let body = || G::get(request, data);
    // SAFETY: the connection's log is live.
    let answer = unsafe {
        guard::run(
            request.log_ptr(),
            "computing a variable",
            Answer::Failed,
            body,
        )
    };
    // SAFETY: nginx passes a value of its own to fill.
    let v = unsafe { &mut *v };
    // Also for a failure, which nginx would remember as "not found" for all subrequests.
    v.set_no_cacheable(1);
    let found = match answer {
        Answer::Value(value) => Some(value),
        Answer::NotFound => None,
        Answer::Failed => {
            failure::mark(request);
            return Status::NGX_ERROR.0;
        }
    };
    let value = found.unwrap_or_default();
    v.data = value.as_ptr().cast_mut();
    bits::set(v, bits::of_value(value.len(), found.is_some()));
    Status::NGX_OK.0
}

/// The bit fields of `ngx_variable_value_t` as one word: the generated accessors move single bits,
/// which costs hundreds of instructions for a length.
pub(crate) mod bits {
    use crate::sys::ngx_variable_value_t;

    /// `unsigned len:28; valid:1; no_cacheable:1; not_found:1; escape:1` (ngx_string.h), from the
    /// low end on the little-endian machines we build for.
    const LEN: u32 = (1 << 28) - 1;
    const VALID: u32 = 1 << 28;
    const NO_CACHEABLE: u32 = 1 << 29;
    const NOT_FOUND: u32 = 1 << 30;

    const _: () = assert!(cfg!(target_endian = "little"));
    const _: () = assert!(std::mem::offset_of!(ngx_variable_value_t, _bitfield_1) == 0);

    /// A value of that length, or none; computed anew each time.
    pub(crate) fn of_value(len: usize, found: bool) -> u32 {
        let len = u32::try_from(len).unwrap_or(0) & LEN;
        len | NO_CACHEABLE | if found { VALID } else { NOT_FOUND }
    }

    /// A value of that length; None when none can be so long.
    pub(crate) fn found(len: usize) -> Option<u32> {
        let len = u32::try_from(len).ok().filter(|len| *len <= LEN)?;
        Some(len | VALID)
    }

    /// The length of a value that [`found`] has made.
    pub(crate) fn found_len(v: &ngx_variable_value_t) -> Option<usize> {
        let word = get(v);
        (word & VALID != 0).then_some((word & LEN) as usize)
    }

    pub(crate) fn set(v: &mut ngx_variable_value_t, word: u32) {
        // SAFETY: the word is the first member, as checked above; any bits are valid.
        unsafe { std::ptr::from_mut(v).cast::<u32>().write(word) };
    }

    fn get(v: &ngx_variable_value_t) -> u32 {
        // SAFETY: the word is the first member, as checked above.
        unsafe { std::ptr::from_ref(v).cast::<u32>().read() }
    }

    /// The length of a value; None when it is not found.
    pub(crate) fn len(v: &ngx_variable_value_t) -> Option<usize> {
        let word = get(v);
        (word & NOT_FOUND == 0).then_some((word & LEN) as usize)
    }

    /// Neither valid nor "not found": nginx computes it again.
    pub(crate) fn forget(v: &mut ngx_variable_value_t) {
        set(v, get(v) & !(VALID | NOT_FOUND));
    }
}
