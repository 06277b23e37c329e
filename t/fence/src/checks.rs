//! What is checked, each giving what is wrong.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use petgraph::algo::tarjan_scc;
use petgraph::graphmap::DiGraphMap;

use crate::arrows;
use crate::cargo::{self, Package};
use crate::modules;
use crate::source::{Source, relative};
use crate::table::{Room, Table, is_below};

/// A check's name and what it found.
pub(crate) type Check = (&'static str, Vec<String>);

/// Arrows between files, by their paths in the repository.
type Arrows = BTreeSet<(String, String)>;

/// Runs all checks.
pub(crate) fn all(
    root: &Path,
    table: &Table,
    packages: &[Package],
    sources: &[Source],
) -> Result<Vec<Check>, String> {
    let everything = cargo::everything(root)?;
    let (mut within, mut across) = (Arrows::new(), Arrows::new());
    for package in packages {
        read_arrows(
            root,
            package,
            packages,
            &everything,
            &mut within,
            &mut across,
        )?;
    }
    within.retain(|(from, _)| !table.fields.contains(from));
    Ok(vec![
        ("every file is in a room", homeless(table, sources)),
        (
            "rooms use only those below them",
            upward(table, &within, &across),
        ),
        ("no circle of files", circles(table, &within)),
        (
            "known arrows are still there",
            stale(table, &within, &across),
        ),
        (
            "files of fields have no function",
            functions(table, sources),
        ),
        ("no long file", long(table, sources)),
        ("no room is most of the house", large(table, sources)),
        ("unsafe stands where it may", unsafe_code(table, sources)),
        (
            "every dependency is used",
            unused(table, packages, sources, &everything),
        ),
        (
            "dependencies compile with our oldest Rust",
            too_new(packages, &everything)?,
        ),
        (
            "no `if let … && …`, which Rust 1.85 does not know",
            chained(sources),
        ),
    ])
}

/// Arrows of a package: between its files, and from its files to the directories of others.
fn read_arrows(
    root: &Path,
    package: &Package,
    packages: &[Package],
    everything: &[Package],
    within: &mut Arrows,
    across: &mut Arrows,
) -> Result<(), String> {
    let directories = libraries(root, package, packages, everything);
    for target in package.targets.iter().filter(|target| !target.is_test()) {
        let tree = modules::read(&target.src_path)?;
        let file = |module: usize| {
            let module = tree.modules.get(module);
            module.map_or_else(String::new, |module| relative(root, &module.file))
        };
        let pairs = arrows::between_modules(&tree).into_iter();
        within.extend(
            pairs
                .map(|(a, b)| (file(a), file(b)))
                .filter(|(a, b)| a != b),
        );
        for (module, word) in arrows::first_words(&tree) {
            if let Some(directory) = directories.get(word) {
                across.insert((file(module), directory.clone()));
            }
        }
    }
    Ok(())
}

/// The directories of our packages that this one can name, by the name of their library; its own is one of them.
fn libraries(
    root: &Path,
    package: &Package,
    packages: &[Package],
    everything: &[Package],
) -> HashMap<String, String> {
    let mut found = HashMap::new();
    for library in package.targets.iter().filter(|target| target.is_library()) {
        let name = library.name.replace('-', "_");
        found.insert(name, relative(root, &library.src_path));
    }
    for dependency in package
        .dependencies
        .iter()
        .filter(|d| d.kind.as_deref() != Some("dev"))
    {
        let ours = packages
            .iter()
            .find(|p| Some(p.directory()) == dependency.path.as_deref());
        if let Some(ours) = ours {
            found.insert(
                dependency.identifier(everything),
                relative(root, ours.directory()),
            );
        }
    }
    found
}

fn homeless(table: &Table, sources: &[Source]) -> Vec<String> {
    let outside = sources
        .iter()
        .filter(|source| table.room(&source.path).is_none());
    outside.map(|source| source.path.clone()).collect()
}

fn upward(table: &Table, within: &Arrows, across: &Arrows) -> Vec<String> {
    let mut found = BTreeSet::new();
    for (from, to) in within
        .iter()
        .chain(across)
        .filter(|arrow| !table.knows(arrow))
    {
        match (table.room(from), table.room(to)) {
            (Some(a), Some(b)) if !a.may_use(b) => {
                found.insert(format!("{} may not use {}: {from} -> {to}", a.name, b.name));
            }
            _ => {}
        }
    }
    found.into_iter().collect()
}

/// The circles that are left when the known arrows are taken away.
fn circles(table: &Table, within: &Arrows) -> Vec<String> {
    let rest: Arrows = within
        .iter()
        .filter(|arrow| !table.knows(arrow))
        .cloned()
        .collect();
    let mut found = Vec::new();
    for files in groups(&rest) {
        found.push(format!("a circle of {} files:", files.len()));
        let inside =
            |(a, b): &&(String, String)| files.contains(&a.as_str()) && files.contains(&b.as_str());
        found.extend(
            rest.iter()
                .filter(inside)
                .map(|(a, b)| format!("  {a} -> {b}")),
        );
    }
    found
}

/// Known arrows that are gone, or that lead neither up nor round any more.
fn stale(table: &Table, within: &Arrows, across: &Arrows) -> Vec<String> {
    let groups = groups(within);
    let needed = |(from, to): &&(String, String)| {
        let upward = match (table.room(from), table.room(to)) {
            (Some(a), Some(b)) => !a.may_use(b),
            _ => false,
        };
        let inside =
            |files: &Vec<&str>| files.contains(&from.as_str()) && files.contains(&to.as_str());
        upward || groups.iter().any(inside)
    };
    let needed: BTreeSet<String> = within
        .iter()
        .chain(across)
        .filter(needed)
        .map(|(from, to)| format!("{from} -> {to}"))
        .collect();
    table
        .known
        .iter()
        .filter(|arrow| !needed.contains(*arrow))
        .cloned()
        .collect()
}

/// Files each of which leads to every other of its group.
fn groups(arrows: &Arrows) -> Vec<Vec<&str>> {
    let edges = arrows.iter().map(|(a, b)| (a.as_str(), b.as_str(), ()));
    let graph: DiGraphMap<&str, ()> = edges.collect();
    tarjan_scc(&graph)
        .into_iter()
        .filter(|files| files.len() > 1)
        .collect()
}

fn functions(table: &Table, sources: &[Source]) -> Vec<String> {
    let found = sources
        .iter()
        .filter(|source| table.fields.contains(&source.path) && source.identifiers.contains("fn"));
    found.map(|source| source.path.clone()).collect()
}

fn long(table: &Table, sources: &[Source]) -> Vec<String> {
    let long = sources.iter().filter(|source| source.lines > table.lines);
    long.map(|source| format!("{}: {} lines", source.path, source.lines))
        .collect()
}

fn large(table: &Table, sources: &[Source]) -> Vec<String> {
    let mut sizes: BTreeMap<&str, usize> = BTreeMap::new();
    for source in sources {
        let house = table.room(&source.path).map_or("", Room::house);
        let size = sizes.entry(house).or_default();
        *size = size.saturating_add(source.lines);
    }
    let total: usize = sizes.values().sum();
    let percent = |lines: usize| lines.saturating_mul(100).checked_div(total).unwrap_or(0);
    let large = sizes
        .into_iter()
        .filter(|(_, lines)| percent(*lines) >= table.share);
    large
        .map(|(house, lines)| format!("{house}: {lines} of {total} lines, {} %", percent(lines)))
        .collect()
}

fn unsafe_code(table: &Table, sources: &[Source]) -> Vec<String> {
    let allowed = |path: &str| table.r#unsafe.iter().any(|place| is_below(path, place));
    let found = sources
        .iter()
        .filter(|source| source.identifiers.contains("unsafe") && !allowed(&source.path));
    found.map(|source| source.path.clone()).collect()
}

fn chained(sources: &[Source]) -> Vec<String> {
    let found = sources.iter().filter(|source| source.has_chains);
    found.map(|source| source.path.clone()).collect()
}

fn unused(
    table: &Table,
    packages: &[Package],
    sources: &[Source],
    everything: &[Package],
) -> Vec<String> {
    let mut found = Vec::new();
    for (number, package) in packages.iter().enumerate() {
        for dependency in &package.dependencies {
            let name = dependency.identifier(everything);
            let named = sources
                .iter()
                .any(|source| source.package == number && source.identifiers.contains(&name));
            let known = table
                .unnamed
                .iter()
                .any(|u| u.package == package.name && u.dependency == dependency.name);
            if !named && !known {
                found.push(format!("{} does not use {}", package.name, dependency.name));
            }
        }
    }
    found
}

/// Packages that say they need a newer Rust than the oldest of ours.
fn too_new(packages: &[Package], everything: &[Package]) -> Result<Vec<String>, String> {
    let ours = packages
        .iter()
        .filter_map(|p| p.rust_version.as_deref())
        .map(version);
    let oldest = ours.min().ok_or("no package of ours has a rust-version")?;
    let found = everything.iter().filter_map(|package| {
        let needs = package.rust_version.as_ref()?;
        let newer = version(needs) > oldest;
        newer.then(|| format!("{} {} needs Rust {needs}", package.name, package.version))
    });
    Ok(found.collect())
}

fn version(text: &str) -> Vec<u32> {
    let mut numbers: Vec<u32> = text
        .split('.')
        .map(|part| part.parse().unwrap_or(0))
        .collect();
    numbers.resize(3, 0);
    numbers
}
