//! The files of a state: damage, strangers, locks, and what a kill leaves behind.

use super::site::{Site, Worker};
use crate::Next;
use crate::feeder::Feeder;
use crate::table::StateFile;
use gatehouse_table::route::Match;
use gatehouse_table::snapshot::{Head, Snapshot};
use gatehouse_table::table::Owner;
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;
use tempfile::TempDir;

const KIB: usize = 1024;

struct Place {
    site: Site,
    _folder: TempDir,
    state: PathBuf,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("apps.state");
        let mut site = Site::new(KIB);
        site.state = Some(state.clone());
        site.world.advance(10_000);
        Self {
            site,
            _folder: folder,
            state,
        }
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        self.state.with_file_name(format!("apps.state{suffix}"))
    }

    /// A worker of a table with one route, and the state of that.
    fn written(&mut self) -> Worker {
        let mut worker = self.site.start(false).unwrap();
        worker.change(Owner::Api, "api.test", Some("a"));
        assert!(worker.keep() > 1);
        worker
    }

    /// A new start with this state.
    fn start_with(&mut self, state: &[u8]) -> Result<Worker, String> {
        fs::write(&self.state, state).unwrap();
        self.site.end(KIB);
        self.site.start(false)
    }
}

#[test]
fn only_its_owner_reads_it_and_no_draft_stays() {
    let mut place = Place::new();
    place.written();
    let mode = |suffix| fs::metadata(place.beside(suffix)).unwrap().mode() & 0o777;
    assert_eq!((mode(""), mode(".lock")), (0o600, 0o600));
    assert!(!place.beside(".tmp").exists());
}

#[test]
fn a_damaged_state_is_kept_aside_and_the_start_goes_on() {
    let mut place = Place::new();
    drop(place.written());
    let good = fs::read(&place.state).unwrap();
    let mut flipped = good.clone();
    flipped[40] ^= 1;
    let mut newer = good.clone();
    newer[8] = 7;
    let cases: [(&[u8], &str, &str); 5] = [
        (&flipped, ".bad", "has a wrong checksum"),
        (&good[..good.len() - 3], ".bad", "is cut short"),
        (b"", ".bad", "is cut short"),
        (
            b"something else altogether",
            ".bad",
            "is no file of this kind",
        ),
        (
            &newer,
            ".newer",
            "is of version 7, and this module knows versions up to 2",
        ),
    ];
    for (bytes, suffix, why) in cases {
        let worker = place.start_with(bytes).unwrap();
        assert_eq!(worker.value("api.test"), None);
        let (state, aside) = (place.state.display(), place.beside(suffix));
        let line = format!(
            "[Error] upstream table \"apps\": state \"{state}\" {why}: it is kept aside as \"{}\" and not used",
            aside.display()
        );
        assert_eq!(place.site.world.take_lines(), [line]);
        assert_eq!(fs::read(aside).unwrap(), bytes);
        assert!(!place.state.exists());
    }
    let worker = place.start_with(&good).unwrap();
    assert_eq!(worker.value("api.test").as_deref(), Some("a"));
}

/// `nginx -t` says the same and touches nothing.
#[test]
fn a_test_of_the_configuration_writes_nothing() {
    let mut place = Place::new();
    place.site.world.only_tests.set(true);
    place.site.start(false).unwrap();
    assert_eq!(fs::read_dir(place._folder.path()).unwrap().count(), 0);
    place.start_with(b"something else altogether").unwrap();
    let lines = place.site.world.take_lines();
    assert!(
        lines[0].contains("is no file of this kind, a start would keep it aside"),
        "{lines:?}"
    );
    assert_eq!(
        fs::read(&place.state).unwrap(),
        b"something else altogether"
    );
    assert_eq!(fs::read_dir(place._folder.path()).unwrap().count(), 1);
}

#[test]
fn what_cannot_be_read_or_trusted_refuses_the_start() {
    let mut place = Place::new();
    drop(place.written());
    let good = fs::read(&place.state).unwrap();
    let elsewhere = place.beside(".elsewhere");
    fs::write(&elsewhere, &good).unwrap();
    fs::remove_file(&place.state).unwrap();
    symlink(&elsewhere, &place.state).unwrap();
    place.site.end(KIB);
    let why = place.site.start(false).map(drop).unwrap_err();
    assert!(why.contains("cannot be read (FilesystemLoop)"), "{why}");
    fs::remove_file(&place.state).unwrap();
    fs::create_dir(&place.state).unwrap();
    place.site.end(KIB);
    let why = place.site.start(false).map(drop).unwrap_err();
    assert!(why.contains("cannot be read"), "{why}");
    fs::remove_dir(&place.state).unwrap();
    fs::write(&place.state, &good).unwrap();
    fs::set_permissions(&place.state, Permissions::from_mode(0o666)).unwrap();
    place.site.end(KIB);
    assert!(place.site.start(false).is_err());
    fs::set_permissions(&place.state, Permissions::from_mode(0o600)).unwrap();
    place.site.end(KIB);
    assert!(place.site.start(false).is_ok());
}

#[test]
fn another_tables_state_is_refused() {
    let mut place = Place::new();
    let mut snapshot = Snapshot::new(&Head {
        name: "shop".into(),
        mode: Match::Host,
        source: 0,
    });
    snapshot.finish();
    let why = place.start_with(snapshot.ready()).map(drop).unwrap_err();
    assert!(why.ends_with("is that of upstream_table \"shop\""), "{why}");
    assert!(place.state.exists());
}

/// A link in the place of the draft leads nowhere, and a draft of a killed process is in nobody's way.
#[test]
fn a_draft_that_lies_there_is_replaced() {
    let mut place = Place::new();
    let mut worker = place.written();
    let victim = place.beside(".victim");
    fs::write(&victim, "precious").unwrap();
    symlink(&victim, place.beside(".tmp")).unwrap();
    worker.change(Owner::Api, "api.test", Some("b"));
    worker.keep();
    assert_eq!(fs::read(&victim).unwrap(), b"precious");
    fs::write(place.beside(".tmp"), "half a draft").unwrap();
    worker.change(Owner::Api, "api.test", Some("c"));
    worker.keep();
    assert!(!place.beside(".tmp").exists());
    place.site.end(KIB);
    let worker = place.site.start(false).unwrap();
    assert_eq!(worker.value("api.test").as_deref(), Some("c"));
}

/// A worker that stood still while another one led does not put its draft, or the other one's, in place.
#[test]
fn who_has_lost_the_lease_renames_nothing() {
    let mut place = Place::new();
    let mut slow = place.written();
    slow.change(Owner::Api, "api.test", Some("old"));
    slow.lead();
    place.site.world.advance(1_000);
    assert_eq!(slow.keep_step(), Next::Soon);
    let mut other = place.site.start(false).unwrap();
    other.change(Owner::Api, "api.test", Some("new"));
    assert!(other.keep() > 1);
    let there = fs::read(&place.state).unwrap();
    for _ in 0..1000 {
        slow.keep_step();
    }
    assert_eq!(fs::read(&place.state).unwrap(), there);
    assert!(!place.beside(".tmp").exists());
}

/// Nor when the other one has not begun to write yet.
#[test]
fn who_has_lost_the_lease_leaves_the_file_as_it_is() {
    let mut place = Place::new();
    let mut slow = place.written();
    slow.change(Owner::Api, "api.test", Some("old"));
    slow.lead();
    place.site.world.advance(1_000);
    assert_eq!(slow.keep_step(), Next::Soon);
    let there = fs::read(&place.state).unwrap();
    place.site.start(false).unwrap().lead();
    for _ in 0..1000 {
        slow.keep_step();
    }
    assert_eq!(fs::read(&place.state).unwrap(), there);
}

#[test]
fn two_nginx_do_not_write_one_state() {
    let mut place = Place::new();
    let lock = File::create(place.beside(".lock")).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    let mut worker = place.site.start(false).unwrap();
    worker.change(Owner::Api, "api.test", Some("a"));
    for _ in 0..5 {
        worker.keep();
    }
    assert!(!place.state.exists());
    worker.keeper.as_mut().unwrap().finish();
    assert!(!place.state.exists());
    let shown = place.state.display().to_string();
    assert_eq!(
        place.site.world.take_lines(),
        [format!(
            "[Error] upstream table \"apps\": state \"{shown}\" is written by another nginx, changes here are not kept"
        )]
    );
    drop(lock);
    worker.keep();
    assert!(place.state.exists());
    assert_eq!(
        place.site.world.take_lines(),
        [format!(
            "[Notice] upstream table \"apps\": state \"{shown}\" is written again"
        )]
    );
}

/// A worker that goes away lets an nginx that replaces this one write.
#[test]
fn a_leader_that_leaves_gives_up_the_lock() {
    let mut place = Place::new();
    let mut worker = place.written();
    let lock = File::open(place.beside(".lock")).unwrap();
    assert!(flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err());
    worker.keeper.as_mut().unwrap().leave();
    assert!(flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok());
}

/// A reload opens the lock file once more, and must not find it locked by itself.
#[test]
fn a_reload_goes_on_with_the_lock() {
    let mut place = Place::new();
    let old = place.written();
    let mut new = place.site.start(false).unwrap();
    new.change(Owner::Api, "api.test", Some("b"));
    assert!(new.keep() > 1);
    drop(old);
    assert!(place.site.world.take_lines().is_empty());
}

#[test]
fn trouble_with_the_disk_is_said_once_and_so_is_its_end() {
    let mut place = Place::new();
    let mut worker = place.written();
    // Nobody can write over a folder.
    fs::create_dir(place.beside(".tmp")).unwrap();
    for value in ["b", "c"] {
        worker.change(Owner::Api, "api.test", Some(value));
        worker.keep();
    }
    let lines = place.site.world.take_lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("cannot be written ("), "{lines:?}");
    assert!(lines[0].ends_with("), changes are not kept"), "{lines:?}");
    fs::remove_dir(place.beside(".tmp")).unwrap();
    worker.keep();
    let lines = place.site.world.take_lines();
    assert!(lines[0].ends_with("is written again"), "{lines:?}");
}

#[test]
fn a_folder_that_workers_cannot_write_to_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let state = |name: &str| StateFile::new(folder.path().join(name));
    let nobody = Some((65534, 65534));
    let set = |mode| fs::set_permissions(folder.path(), Permissions::from_mode(mode)).unwrap();
    set(0o755);
    let why = state("a").obstacle(nobody).unwrap();
    assert_eq!(why, "user 65534 may not write to its directory");
    assert_eq!(state("a").obstacle(Some((0, 0))), None);
    assert_eq!(state("a").obstacle(None), None);
    for mode in [0o775, 0o777] {
        set(mode);
        assert_eq!(state("a").obstacle(nobody), None);
    }
    let why = state("none/a").obstacle(nobody).unwrap();
    assert_eq!(why, "its directory is not there");
}
