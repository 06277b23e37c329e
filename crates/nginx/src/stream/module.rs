//! What nginx sees of a stream module: its callbacks.

use crate::conf::table::{Readable, create};
use crate::conf::{Conf, Error, Kind, Words, read, result};
use crate::stream::kind::Stream;
use crate::sys;

/// What a stream module does while its configuration is read.
pub trait StreamModule: Kind<Section = Stream> {
    /// Before the `stream` block is read.
    ///
    /// # Errors
    /// Why the configuration is refused.
    fn prepare(cf: &mut Conf<'_, Self>) -> Result<(), Error>;

    /// After the whole `stream` block is read: checks what needs all of it.
    ///
    /// # Errors
    /// Why the configuration is refused.
    fn complete(cf: &mut Conf<'_, Self>) -> Result<(), Error>;
}

/// nginx's table of a stream module's callbacks.
pub type Callbacks = sys::ngx_stream_module_t;

// SAFETY: functions only.
unsafe impl Readable for Callbacks {}

/// The callbacks of a stream module.
pub const fn callbacks<M: StreamModule>() -> Callbacks {
    Callbacks {
        preconfiguration: Some(preconfiguration::<M>),
        postconfiguration: Some(postconfiguration::<M>),
        create_main_conf: Some(create::<M::Main>),
        init_main_conf: None,
        create_srv_conf: None,
        merge_srv_conf: None,
    }
}

/// Makes the table of the one module of this library, a stream module.
///
/// `stream_module!(Gatehouse, "ngx_stream_gatehouse_module", FAMILIES);`
#[macro_export]
macro_rules! stream_module {
    ($module:ty, $name:literal, $families:expr) => {
        $crate::conf::table::module_table!(
            $module,
            $name,
            $families,
            $crate::stream::module::Callbacks,
            $crate::stream::module::callbacks::<$module>(),
            $crate::event::life::living::<$module>
        );
    };
}

unsafe extern "C" fn preconfiguration<M: StreamModule>(cf: *mut sys::ngx_conf_t) -> isize {
    let body = |words: Words<'_>| {
        // SAFETY: nginx calls `M` inside `stream`; there is no other `Conf` now.
        let mut conf = unsafe { Conf::<M>::new(words)? };
        M::prepare(&mut conf)
    };
    // SAFETY: nginx passes the live configuration being read.
    result(unsafe { read(cf, M::module(), "preparing the configuration", body) })
}

unsafe extern "C" fn postconfiguration<M: StreamModule>(cf: *mut sys::ngx_conf_t) -> isize {
    let body = |words: Words<'_>| {
        // SAFETY: nginx calls `M` inside `stream`; there is no other `Conf` now.
        let mut conf = unsafe { Conf::<M>::new(words)? };
        M::complete(&mut conf)
    };
    // SAFETY: nginx passes the live configuration being read.
    result(unsafe { read(cf, M::module(), "completing the configuration", body) })
}
