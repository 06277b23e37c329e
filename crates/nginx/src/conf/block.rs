//! Blocks of a directive's own: `name { … }`.

use super::error::Error;
use super::kind::Kind;
use super::typed::Conf;
use super::words::{Words, answer, read};
use crate::sys;
use std::ffi::{c_char, c_void};
use std::ptr;

/// Reads one line of a block.
type Line<'b> = &'b mut dyn FnMut(Words<'_>) -> Result<(), Error>;

/// What nginx keeps while it reads a block.
struct Lines<'b> {
    module: *mut sys::ngx_module_t,
    line: Line<'b>,
}

impl Words<'_> {
    fn lines(&self, line: Line<'_>) -> Result<(), Error> {
        let mut state = Lines {
            module: self.module,
            line,
        };
        // SAFETY: a bitwise copy to restore; nginx's own blocks (geo, map) do the same.
        let saved = unsafe { self.cf.read() };
        // SAFETY: `cf` is live and ours to change until it is restored.
        let cf = unsafe { &mut *self.cf };
        cf.handler = Some(block_line);
        cf.handler_conf = (&raw mut state).cast();
        // SAFETY: `cf` is live; the handler gets `state`, which outlives the call.
        let answer = unsafe { sys::ngx_conf_parse(self.cf, ptr::null_mut()) };
        // SAFETY: puts back what was there.
        unsafe { self.cf.write(saved) };
        if answer.is_null() {
            Ok(())
        } else {
            Err(Error::logged())
        }
    }
}

impl<M: Kind> Conf<'_, M> {
    /// Reads `{ … }`: each line of it is given to `line` together with `block`; `include` works.
    pub fn block<B>(
        &mut self,
        block: &mut B,
        line: fn(&mut Conf<'_, M>, &mut B) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.lines(&mut |words| {
            // SAFETY: a line of a block of this very module.
            let mut conf = unsafe { Conf::new(words)? };
            line(&mut conf, block)
        })
    }
}

unsafe extern "C" fn block_line(
    cf: *mut sys::ngx_conf_t,
    _: *mut sys::ngx_command_t,
    state: *mut c_void,
) -> *mut c_char {
    // SAFETY: `Words::lines` passes its `Lines`, unique while nginx parses.
    let state = unsafe { &mut *state.cast::<Lines<'_>>() };
    let body = |words: Words<'_>| {
        if words.name() != "include" {
            return (state.line)(words);
        }
        // nginx counts the arguments of its own directives; include takes the second word unasked.
        if words.raw_words().len() != 2 {
            return Err(words.wrong_arguments());
        }
        // SAFETY: ngx_conf_include reads `cf->args` and parses with the same handler.
        let answer = unsafe { sys::ngx_conf_include(cf, ptr::null_mut(), ptr::null_mut()) };
        answer.is_null().then_some(()).ok_or_else(Error::logged)
    };
    // SAFETY: nginx passes the live configuration being read.
    answer(unsafe { read(cf, state.module, "reading a block", body) })
}
