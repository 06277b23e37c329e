//! Entries of a file that look as they did are not parsed again: with the same outcome as if they were.

use super::site::{FILE, Site, Worker};
use crate::Feeder;
use gatehouse_table::route::{Key, Match, Resolved};
use gatehouse_table::table::{Change, MAX_RECORD_WORDS, Owner};
use proptest::prelude::*;
use std::fmt::Write;

/// An entry of a file: which host, which route, and how it is written.
#[derive(Clone, Copy, Debug)]
struct Line {
    host: u8,
    route: u8,
    style: u8,
}

/// A file: its entries in their order, and whether its end is missing.
#[derive(Clone, Debug)]
struct File {
    lines: Vec<Line>,
    is_cut: bool,
}

/// What happens between two readings.
#[derive(Clone, Copy, Debug)]
enum Meanwhile {
    Nothing,
    /// The API has a route of this host, or has it no more.
    Put(u8),
    Remove(u8),
}

/// Who reads the file.
#[derive(Clone, Copy, Debug)]
enum Reader {
    Worker,
    /// A worker that is stopped after so many steps; then a reload, and a new one.
    Reload(u8),
    /// Another worker takes over after so many steps of the one before.
    Other(u8),
    /// A reload with another zone.
    Resize,
}

const HOSTS: u8 = 12;

fn name(host: u8) -> String {
    format!("h{host}.test")
}

impl Line {
    fn text(self) -> String {
        let Self { host, route, style } = self;
        let name = match style {
            3 => format!("H{host}.Test."),
            _ => name(host),
        };
        let space = if style == 1 { " \n " } else { "" };
        let vars = format!(r#""vars":{space}{{"v": "{}"}}"#, route % 3);
        let keys = format!(r#""keys": {{"token": "{}"}}"#, route % 4);
        let backends = match route % 5 {
            0 => "",
            1 => r#""http://10.0.0.1:80", "http://10.0.0.2:80""#,
            2 => r#"{"url": "https://10.0.0.3", "sni": "s.test", "max_conns": 7}"#,
            3 => r#""unix:/run/app.sock", "http://[::1]:81""#,
            _ => r#""http://10.0.0.1:80""#,
        };
        let backends = format!(r#""backends": [{backends}]"#);
        let members = match style {
            2 => [keys, backends, vars],
            _ => [backends, vars, keys],
        };
        format!("\"{name}\":{space}{{{}}}", members.join(","))
    }
}

impl File {
    fn text(&self) -> String {
        let lines: Vec<String> = self.lines.iter().map(|line| line.text()).collect();
        let end = if self.is_cut { "" } else { "}" };
        format!("{{{}{end}", lines.join(",\n"))
    }
}

/// All that a table has.
fn dump(worker: &Worker) -> String {
    let routes = worker.table.routes().unwrap();
    let mut text = String::new();
    for host in 0..HOSTS {
        let key = Key::parse(name(host).as_bytes(), Match::Host).unwrap();
        if let Some(taken) = routes.take_out(&key).unwrap() {
            let (view, written) = (taken.view(), taken.written());
            let keys: Vec<_> = written.keys.iter().map(|(n, k)| (n, k.text())).collect();
            let _ = writeln!(text, "{:?} {:?} {keys:?}", view.owner(), view.resolved());
        }
    }
    let _ = writeln!(text, "{}", routes.stats().routes);
    text
}

/// The API's change, where it is allowed.
fn change(worker: &Worker, host: u8, is_put: bool) {
    let key = &Key::parse(name(host).as_bytes(), Match::Host).unwrap();
    let (route, owner) = (&Resolved::default(), Owner::Api);
    let change = match is_put {
        true => Change::Put { key, route, owner },
        false => Change::Remove { key, owner },
    };
    let routes = worker.table.routes().unwrap();
    let _ = routes.writer(0).unwrap().apply(&change);
}

fn is_of_api(worker: &Worker, host: u8) -> bool {
    let key = Key::parse(name(host).as_bytes(), Match::Host).unwrap();
    let taken = worker.table.routes().unwrap().take_out(&key).unwrap();
    taken.is_some_and(|taken| taken.view().owner() == Some(Owner::Api))
}

/// What a table has that is filled with this file for the first time; None if the file is no good.
fn anew(file: &str, of_api: &[u8]) -> Option<String> {
    let mut site = Site::new(1024);
    site.world.replace(FILE, "{}");
    site.world.advance(10_000);
    let mut worker = site.start(true).unwrap();
    of_api.iter().for_each(|host| change(&worker, *host, true));
    site.world.replace(FILE, file);
    site.world.advance(1_000);
    worker.work();
    let refused = site
        .world
        .take_lines()
        .iter()
        .any(|l| l.contains("stay in use"));
    (!refused).then(|| dump(&worker))
}

fn line() -> impl Strategy<Value = Line> {
    (0..HOSTS, 0..60_u8, 0..4_u8).prop_map(|(host, route, style)| Line { host, route, style })
}

/// A file, and then another one that is like it but for a few entries, and so on.
fn edits() -> impl Strategy<Value = Vec<(File, Meanwhile, Reader)>> {
    let edit = (
        prop::collection::vec((0..=HOSTS, prop::option::of(line())), 0..3),
        prop::bool::weighted(0.1),
        prop_oneof![
            3 => Just(Meanwhile::Nothing),
            1 => (0..HOSTS).prop_map(Meanwhile::Put),
            1 => (0..HOSTS).prop_map(Meanwhile::Remove),
        ],
        prop_oneof![
            4 => Just(Reader::Worker),
            1 => (0..12_u8).prop_map(Reader::Reload),
            1 => (0..12_u8).prop_map(Reader::Other),
            1 => Just(Reader::Resize),
        ],
    );
    (
        prop::collection::vec(line(), 0..10),
        prop::collection::vec(edit, 1..12),
    )
        .prop_map(|(mut lines, edits)| {
            lines.sort_by_key(|line| line.host);
            lines.dedup_by_key(|line| line.host);
            let mut files = Vec::new();
            for (changes, is_cut, meanwhile, reader) in edits {
                let before = lines.clone();
                for (at, new) in changes {
                    let at = usize::from(at);
                    match new {
                        Some(line) if at >= lines.len() => lines.push(line),
                        Some(line) => lines[at] = line,
                        None if at < lines.len() => drop(lines.remove(at)),
                        None => lines.reverse(),
                    }
                }
                let file = File {
                    lines: lines.clone(),
                    is_cut,
                };
                // What has a key twice is refused: mostly somebody mends it.
                let mut hosts: Vec<u8> = lines.iter().map(|line| line.host).collect();
                hosts.sort_unstable();
                hosts.dedup();
                if hosts.len() < lines.len() {
                    lines = before;
                }
                files.push((file, meanwhile, reader));
            }
            files
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn a_file_that_is_edited_leads_to_the_table_that_it_would_fill(edits in edits()) {
        let mut site = Site::new(1024);
        site.world.replace(FILE, "{}");
        site.world.advance(10_000);
        let mut worker = site.start(true).unwrap();
        let mut last = String::new();
        for (file, meanwhile, reader) in edits {
            match meanwhile {
                Meanwhile::Nothing => {}
                Meanwhile::Put(host) => change(&worker, host, true),
                Meanwhile::Remove(host) => change(&worker, host, false),
            }
            let of_api: Vec<u8> = (0..HOSTS).filter(|h| is_of_api(&worker, *h)).collect();
            site.world.replace(FILE, file.text());
            site.world.advance(1_000);
            let steps = match reader {
                Reader::Reload(steps) | Reader::Other(steps) => steps,
                _ => 0,
            };
            worker.lead();
            for _ in 0..steps {
                worker.step();
            }
            let wanted = anew(&file.text(), &of_api);
            let old = match reader {
                Reader::Worker => None,
                // A new zone is not filled with a file that is no good.
                Reader::Resize if wanted.is_none() => None,
                Reader::Resize => {
                    site.resize(1032);
                    site.start(true).ok().map(|new| std::mem::replace(&mut worker, new))
                }
                _ => {
                    let new = site.start(true).unwrap();
                    Some(std::mem::replace(&mut worker, new))
                }
            };
            if let Some(mut old) = old.filter(|_| matches!(reader, Reader::Other(_))) {
                old.feeder.abandon();
                worker.work();
                old.poll(&crate::slice::Slice::new(&super::world::Ticking::default(), std::time::Duration::ZERO), false);
            }
            site.world.advance(1_000);
            worker.work();
            if let Some(wanted) = wanted {
                last = wanted;
                prop_assert_eq!(dump(&worker), last.as_str(), "{}", file.text());
            } else if matches!(meanwhile, Meanwhile::Nothing) && !last.is_empty() {
                prop_assert_eq!(dump(&worker), last.as_str(), "{}", file.text());
            } else {
                last = dump(&worker);
            }
        }
    }
}

fn one(text: &str) -> String {
    format!(r#"{{"h0.test": {text}, "h1.test": {{"backends": []}}}}"#)
}

#[test]
fn an_entry_that_looks_as_it_did_is_not_read_again() {
    let text = r#"{"backends": [], "vars": {"v": "1"}}"#;
    let mut site = Site::new(1024);
    site.world.replace(FILE, one(text));
    site.world.advance(10_000);
    let mut worker = site.start(true).unwrap();
    let key = Key::parse(b"h0.test", Match::Host).unwrap();
    let knows = |worker: &Worker, text: &str| {
        let routes = worker.table.routes().unwrap();
        let imprint = routes.imprinter().of(text.as_bytes());
        let mut buf = [0; MAX_RECORD_WORDS];
        routes.recognize(&key, imprint, &mut buf).is_some()
    };
    let follow = |worker: &mut Worker, text: &str| {
        site.world.replace(FILE, one(text));
        site.world.advance(1_000);
        worker.work();
    };
    // The master has put it, a worker reads it; and notes another text of it.
    assert!(knows(&worker, text));
    let other = text.replace(' ', "");
    follow(&mut worker, &other);
    assert!(knows(&worker, &other) && !knows(&worker, text));
    let changed = text.replace('1', "2");
    follow(&mut worker, &changed);
    assert!(knows(&worker, &changed));
    assert_eq!(worker.value("h0.test").as_deref(), Some("2"));
    // As if another route had been made of this text: that is not looked at.
    {
        let routes = worker.table.routes().unwrap();
        let route = Resolved {
            vars: vec![("v", "not read")],
            imprint: Some(routes.imprinter().of(text.as_bytes())),
            ..Resolved::default()
        };
        let change = Change::Put {
            key: &key,
            route: &route,
            owner: Owner::File,
        };
        routes.writer(0).unwrap().apply(&change).unwrap();
    }
    follow(&mut worker, text);
    assert_eq!(worker.value("h0.test").as_deref(), Some("not read"));
    follow(&mut worker, &other);
    assert_eq!(worker.value("h0.test").as_deref(), Some("1"));
}

#[test]
fn a_name_is_asked_for_with_each_reading() {
    let mut site = Site::new(1024);
    site.world.replace(FILE, "{}");
    site.world.advance(10_000);
    let mut worker = site.start(true).unwrap();
    for address in ["10.0.0.1", "10.0.0.2"] {
        site.world
            .replace("/etc/hosts", format!("{address} n.test\n"));
        site.world
            .replace(FILE, one(r#"{"backends": ["http://n.test:80"]}"#));
        site.world.advance(1_000);
        worker.work();
        assert_eq!(worker.backends("h0.test"), [format!("{address}:80")]);
    }
}
