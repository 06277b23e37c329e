//! Whether a table's file has what the table has.

use super::{memory, put, remove, route};
use crate::route::Match;
use crate::table::Table;

#[test]
fn a_file_is_whole_until_the_table_changes() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    assert!(table.is_saved(b"/a"), "nothing need be written");
    table.set_unsaved();
    assert!(!table.is_saved(b"/a"), "it has something else");
    put(&table, "a.test", &route(&[1])).unwrap();
    assert!(!table.is_saved(b"/a"));
    let to_be = table.to_be_saved(b"/a");
    table.set_saved(to_be);
    assert!(table.is_saved(b"/a"));
    assert!(!table.is_saved(b"/b"), "another file has nothing");
    put(&table, "b.test", &route(&[1])).unwrap();
    assert!(!table.is_saved(b"/a"));
    // What was written meanwhile is what the table had when that began.
    table.set_saved(to_be);
    assert!(!table.is_saved(b"/a"));
    table.set_saved(table.to_be_saved(b"/a"));
    assert!(table.is_saved(b"/a"));
    assert_ne!(table.to_be_saved(b"/a"), table.to_be_saved(b"/b"));
}

#[test]
fn a_table_that_has_been_emptied_is_not_saved() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    put(&table, "a.test", &route(&[1])).unwrap();
    remove(&table, "a.test").unwrap();
    assert!(!table.is_saved(b"/a"));
}
