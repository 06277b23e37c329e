//! Files that each worker reads again for itself: keys, and lists of values.

use crate::Gatehouse;
use gatehouse_live::Feeder;
use gatehouse_live::keys::Everybody;
use gatehouse_nginx::{Conf, Level, ffi::files};
use std::path::Path;
use std::rc::Rc;

/// Warns of a file, by what it is called, which the workers may not read again; whether it did.
pub(crate) fn warn_unreadable(cf: &Conf<'_, Gatehouse>, path: &Path, shown: &str) -> bool {
    let unreadable = cf.workers().filter(|one| !files::may_read(path, *one));
    if let Some((user, _)) = unreadable {
        let text = format!(
            "{shown} cannot be read again by the workers, whose user is {user}: changes need a reload"
        );
        cf.log(Level::Warn, &text);
    }
    unreadable.is_some()
}

/// Has each worker run feeders of its own.
pub(crate) fn by_each_worker(cf: &mut Conf<'_, Gatehouse>, feeders: Vec<Box<dyn Feeder>>) {
    if !feeders.is_empty() {
        let feeds = &cf.main().feeds;
        feeds.change(|scheduler| scheduler.add(Rc::new(Everybody), feeders));
    }
}
