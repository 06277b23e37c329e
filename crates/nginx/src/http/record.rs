//! Where the record of a main request is found: in nginx's table of the values of variables. A request begins with zeros
//! there, and what is put there outlives internal redirects, which clear `ctx`.

use crate::conf::{Conf, Error};
use crate::http::module::HttpModule;
use crate::http::request::Request;
use crate::http::variable::{self, Index, bits};
use crate::sys;
use ngx::core::Status;

/// No configuration can write this as a variable.
const NAME: &str = "gatehouse record";

impl<M: HttpModule> Conf<'_, M> {
    /// Reserves the place of the records: a variable of which nginx knows nothing but that it has a value.
    pub(crate) fn reserve_records(&mut self) -> Result<(), Error> {
        let failed = || Error::new("no memory for the place of records");
        // SAFETY: `cf` is live.
        let index = unsafe { variable::index(self.cf, NAME) }.ok_or_else(failed)?;
        // SAFETY: nginx's own settings, live.
        let variables = unsafe { &mut (*self.core_main()).variables };
        // SAFETY: an array of variables.
        let all = unsafe { variables.as_slice_mut::<sys::ngx_http_variable_t>() };
        let variable = all.get_mut(index).ok_or_else(failed)?;
        variable.get_handler = Some(leave_alone);
        M::records(self.main()).0.set(Some(index));
        Ok(())
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
        if let Some(record) = self.existing_record::<M>() {
            return Some(record);
        }
        let main = self.main();
        let value = main.record_value::<M>()?;
        let record = main.place(M::Record::<'r>::default())?;
        // SAFETY: a value of nginx's table, which is ours alone.
        unsafe { (*value).data = std::ptr::from_mut(record).cast() };
        Some(record)
    }

    /// The record if there is one already.
    pub fn existing_record<M: HttpModule>(self) -> Option<&'r M::Record<'r>> {
        let value = self.main().record_value::<M>()?;
        // SAFETY: as above.
        let record = unsafe { (*value).data }.cast::<M::Record<'r>>();
        // SAFETY: null, or what `record` put there, in the request's pool. Only lifetimes differ: whatever callbacks store
        // in it lives as long as the request (crate docs), so it may be read back with this callback's lifetime.
        unsafe { record.as_ref() }
    }

    /// Notes a number with the main request, which costs no memory: it stands where the length of the value would be.
    pub fn note<M: HttpModule>(self, number: u8) {
        if let Some(value) = self.main().record_value::<M>() {
            // SAFETY: a value of nginx's table, which is ours alone.
            bits::set(unsafe { &mut *value }, u32::from(number));
        }
    }

    /// The number noted last; 0 before any was.
    pub fn noted<M: HttpModule>(self) -> u8 {
        let value = self.main().record_value::<M>();
        // SAFETY: as above.
        let number = value.and_then(|value| bits::len(unsafe { &*value }));
        number.map_or(0, |number| number as u8)
    }

    fn record_value<M: HttpModule>(self) -> Option<*mut sys::ngx_variable_value_t> {
        let index = M::records(self.main_conf::<M>()).0.get()?;
        Some(self.kept_value(Index(index)))
    }
}
