//! What is kept of a main request, and where the record is found: in nginx's table of the values of variables. A request
//! begins with zeros there, and what is put there outlives internal redirects, which clear `ctx`.

use crate::conf::{Conf, Error};
use crate::ffi::bytes;
use crate::http::module::HttpModule;
use crate::http::request::Request;
use crate::http::variable::{self, Index, bits};
use crate::sys;
use ngx::core::Status;

/// No configuration can write these as variables.
const RECORD: &str = "gatehouse record";
const RECEIVED: [&str; 2] = ["gatehouse path", "gatehouse arguments"];

impl<M: HttpModule> Conf<'_, M> {
    /// Reserves the place of the records.
    pub(crate) fn reserve_records(&mut self) -> Result<(), Error> {
        let index = self.reserve(RECORD)?;
        M::records(self.main()).place.set(Some(index));
        Ok(())
    }

    /// Reserves places for what a request asks for as it is received ([`Request::keep_received`]).
    pub fn reserve_received(&mut self) -> Result<(), Error> {
        let [path, args] = RECEIVED;
        let places = [self.reserve(path)?, self.reserve(args)?];
        M::records(self.main()).received.set(Some(places));
        Ok(())
    }

    /// A variable of which nginx knows nothing but that it has a value.
    fn reserve(&mut self, name: &str) -> Result<usize, Error> {
        let failed = || Error::new("no memory for what is kept of requests");
        // SAFETY: `cf` is live.
        let index = unsafe { variable::index(self.cf, name) }.ok_or_else(failed)?;
        // SAFETY: nginx's own settings, live.
        let variables = unsafe { &mut (*self.core_main()).variables };
        // SAFETY: an array of variables.
        let all = unsafe { variables.as_slice_mut::<sys::ngx_http_variable_t>() };
        let variable = all.get_mut(index).ok_or_else(failed)?;
        variable.get_handler = Some(leave_alone);
        Ok(index)
    }
}

/// Nobody asks for the variable; whoever did would not disturb what lies there.
unsafe extern "C" fn leave_alone(
    _: *mut sys::ngx_http_request_t,
    _: *mut sys::ngx_variable_value_t,
    _: usize,
) -> isize {
    Status::NGX_ERROR.0
}

impl<'r> Request<'r> {
    /// The main request's record, made on first use; None when memory is short.
    pub fn record<M: HttpModule>(self) -> Option<&'r M::Record<'r>> {
        let value = self.main().record_value::<M>()?;
        // SAFETY: a value of nginx's table, which is ours alone.
        match unsafe { record_of::<M>(value) } {
            None => self.main().make_record::<M>(value),
            record => record,
        }
    }

    /// Most often the record is there already.
    #[inline(never)]
    fn make_record<M: HttpModule>(
        self,
        value: *mut sys::ngx_variable_value_t,
    ) -> Option<&'r M::Record<'r>> {
        let record = self.place(M::Record::<'r>::default())?;
        M::record_begins(record, self.noted::<M>());
        // SAFETY: as above.
        unsafe { (*value).data = std::ptr::from_mut(record).cast() };
        Some(record)
    }

    /// The record if there is one already.
    pub fn existing_record<M: HttpModule>(self) -> Option<&'r M::Record<'r>> {
        let value = self.main().record_value::<M>()?;
        // SAFETY: as above.
        unsafe { record_of::<M>(value) }
    }

    /// Notes a number with the main request, which costs no memory: it stands where the length of the value would be.
    pub fn note<M: HttpModule>(self, number: u8) {
        if let Some(value) = self.main().record_value::<M>() {
            // SAFETY: a value of nginx's table, which is ours alone.
            bits::set(unsafe { &mut *value }, u32::from(number));
        }
    }

    /// The same of a main request that has no record. False where there is one: then nothing is noted.
    pub fn note_without_record<M: HttpModule>(self, number: u8) -> bool {
        let value = self.main().record_value::<M>();
        // SAFETY: as above.
        let value = value.filter(|value| unsafe { record_of::<M>(*value) }.is_none());
        if let Some(value) = value {
            // SAFETY: as above.
            bits::set(unsafe { &mut *value }, u32::from(number));
        }
        value.is_some()
    }

    /// The number noted last; 0 before any was.
    pub fn noted<M: HttpModule>(self) -> u8 {
        let value = self.main().record_value::<M>();
        // SAFETY: as above.
        let number = value.and_then(|value| bits::len(unsafe { &*value }));
        number.map_or(0, |number| number as u8)
    }

    /// Keeps the path and the arguments as they are now, without any memory. False where there is no room for them: no
    /// place is reserved, or one is longer than a value may be.
    pub fn keep_received<M: HttpModule>(self) -> bool {
        let Some([path, args]) = M::records(self.main_conf::<M>()).received.get() else {
            return false;
        };
        self.keep_at(path, self.uri()) && self.keep_at(args, self.args())
    }

    /// The path and the arguments that were kept of the main request.
    pub fn received<M: HttpModule>(self) -> Option<(&'r [u8], &'r [u8])> {
        let [path, args] = M::records(self.main_conf::<M>()).received.get()?;
        let main = self.main();
        Some((main.kept_at(path)?, main.kept_at(args)?))
    }

    fn keep_at(self, index: usize, text: &'r [u8]) -> bool {
        let Some(word) = bits::found(text.len()) else {
            return false;
        };
        let value = self.kept_value(Index(index));
        // SAFETY: a value of nginx's table, which is ours alone.
        let value = unsafe { &mut *value };
        value.data = text.as_ptr().cast_mut();
        bits::set(value, word);
        true
    }

    fn kept_at(self, index: usize) -> Option<&'r [u8]> {
        // SAFETY: as above.
        let value = unsafe { &*self.kept_value(Index(index)) };
        let text = sys::ngx_str_t {
            len: bits::found_len(value)?,
            data: value.data,
        };
        // SAFETY: `keep_at` has put it there; it lives as long as the request.
        Some(unsafe { bytes::slice(text) })
    }

    fn record_value<M: HttpModule>(self) -> Option<*mut sys::ngx_variable_value_t> {
        let index = M::records(self.main_conf::<M>()).place.get()?;
        Some(self.kept_value(Index(index)))
    }
}

/// The record that a value leads to.
///
/// # Safety
/// The value is that of records, of a request that is live for `'r`.
unsafe fn record_of<'r, M: HttpModule>(
    value: *mut sys::ngx_variable_value_t,
) -> Option<&'r M::Record<'r>> {
    // SAFETY: promised by the caller.
    let record = unsafe { (*value).data }.cast::<M::Record<'r>>();
    // SAFETY: null, or what `make_record` put there, in the request's pool. Only lifetimes differ: whatever callbacks store
    // in it lives as long as the request (crate docs), so it may be read back with this callback's lifetime.
    unsafe { record.as_ref() }
}
