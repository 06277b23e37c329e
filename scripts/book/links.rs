//! Finds links that lead nowhere, and pages that the book forgets.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

/// The pages outside the book: they may link to any file of the repository.
const OUTSIDE: [&str; 6] = [
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "crates/nginx-prove/README.md",
    "t/scenarios/README.md",
];

/// What a page links to, and what can be linked to in it.
struct Page {
    links: Vec<String>,
    anchors: BTreeSet<String>,
}

/// Says of each broken link where it is: `docs/token.md: geoip.md#rule is no heading`.
pub fn broken(repository: &Path) -> Result<Vec<String>, String> {
    let mut pages = BTreeMap::new();
    for name in names(repository)? {
        let path = repository.join(&name);
        let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        pages.insert(name, Page::read(&text));
    }
    let mut found = Vec::new();
    for (name, page) in &pages {
        for link in &page.links {
            if let Err(why) = follow(repository, &pages, name, link) {
                found.push(format!("{}: {link} {why}", name.display()));
            }
        }
    }
    found.extend(forgotten(&pages));
    Ok(found)
}

/// The pages of the book, `docs/**/*.md`, and those outside.
fn names(repository: &Path) -> Result<Vec<PathBuf>, String> {
    let mut found: Vec<PathBuf> = OUTSIDE.iter().map(PathBuf::from).collect();
    let mut folders = vec![PathBuf::from("docs")];
    while let Some(folder) = folders.pop() {
        let path = repository.join(&folder);
        let entries = fs::read_dir(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        for entry in entries.flatten() {
            let name = folder.join(entry.file_name());
            if entry.path().is_dir() {
                folders.push(name);
            } else if name.extension().is_some_and(|ending| ending == "md") {
                found.push(name);
            }
        }
    }
    Ok(found)
}

/// Each page of the book stands in its table of contents: mdBook leaves out those that do not.
fn forgotten(pages: &BTreeMap<PathBuf, Page>) -> Vec<String> {
    let summary = Path::new("docs/SUMMARY.md");
    let listed: BTreeSet<PathBuf> = pages.get(summary).map_or_else(BTreeSet::new, |page| {
        let targets = page.links.iter().map(|link| target(summary, link));
        targets.map(|(path, _)| path).collect()
    });
    pages
        .keys()
        .filter(|name| name.starts_with("docs") && *name != summary && !listed.contains(*name))
        .map(|name| format!("{} is not in docs/SUMMARY.md", name.display()))
        .collect()
}

/// The file that a link of a page names, from the repository's root, and the heading in it.
fn target<'l>(page: &Path, link: &'l str) -> (PathBuf, Option<&'l str>) {
    let (file, anchor) = match link.split_once('#') {
        Some((file, anchor)) => (file, Some(anchor)),
        None => (link, None),
    };
    if file.is_empty() {
        return (page.to_owned(), anchor);
    }
    let mut path = page.parent().unwrap_or(Path::new("")).to_owned();
    for part in Path::new(file).components() {
        match part {
            Component::ParentDir => {
                path.pop();
            }
            Component::CurDir => {}
            other => path.push(other),
        }
    }
    (path, anchor)
}

fn follow(
    repository: &Path,
    pages: &BTreeMap<PathBuf, Page>,
    page: &Path,
    link: &str,
) -> Result<(), String> {
    if ["https://", "http://", "mailto:"]
        .iter()
        .any(|s| link.starts_with(s))
    {
        return Ok(());
    }
    let (path, anchor) = target(page, link);
    if page.starts_with("docs") && !path.starts_with("docs") {
        return Err("leaves the book: name the file without a link".to_owned());
    }
    if !repository.join(&path).exists() {
        return Err("is no file".to_owned());
    }
    match (anchor, pages.get(&path)) {
        (Some(anchor), Some(there)) if !there.anchors.contains(anchor) => {
            Err("is no heading".to_owned())
        }
        (Some(_), None) => Err("is no page".to_owned()),
        _ => Ok(()),
    }
}

impl Page {
    fn read(text: &str) -> Page {
        let (mut links, mut anchors, mut heading) = (Vec::new(), BTreeSet::new(), None::<String>);
        for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
            match (event, heading.as_mut()) {
                (Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }), _) => {
                    links.push(dest_url.into_string());
                }
                (Event::Start(Tag::Heading { .. }), _) => heading = Some(String::new()),
                (Event::Text(words) | Event::Code(words), Some(heading)) => {
                    heading.push_str(&words)
                }
                (Event::End(TagEnd::Heading(_)), Some(words)) => {
                    let name = anchor(words);
                    let again = (1..).map(|n| format!("{name}-{n}"));
                    let mut free = std::iter::once(name.clone()).chain(again);
                    anchors.extend(free.find(|one| !anchors.contains(one)));
                    heading = None;
                }
                _ => {}
            }
        }
        Page { links, anchors }
    }
}

/// The name of a heading in links, as mdBook and GitHub make it.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter_map(|c| match c {
        ' ' => Some('-'),
        '-' | '_' => Some(c),
        c if c.is_alphanumeric() => Some(c),
        _ => None,
    });
    kept.flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(texts: &[(&str, &str)]) -> BTreeMap<PathBuf, Page> {
        let page = |(name, text): &(&str, &str)| (PathBuf::from(name), Page::read(text));
        texts.iter().map(page).collect()
    }

    #[test]
    fn finds_headings_and_links() {
        let page = Page::read(
            "# One `$two`: 3\n\n[a](b.md#c) ![d](e.svg)\n\n## Same\n\n## Same\n\n```\n# no\n```\n",
        );
        let anchors: Vec<_> = page.anchors.iter().map(String::as_str).collect();
        assert_eq!(anchors, ["one-two-3", "same", "same-1"]);
        assert_eq!(page.links, ["b.md#c", "e.svg"]);
    }

    #[test]
    fn follows_links_to_headings() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let pages = pages(&[("README.md", "# A\n"), ("docs/SUMMARY.md", "# B\n")]);
        let from = |page: &str, link: &str| follow(&here, &pages, Path::new(page), link);
        assert_eq!(from("README.md", "docs/SUMMARY.md#b"), Ok(()));
        assert_eq!(from("README.md", "#a"), Ok(()));
        assert_eq!(from("README.md", "https://nginx.org/"), Ok(()));
        for (page, link) in [
            ("README.md", "#b"),
            ("README.md", "docs/none.md"),
            ("docs/SUMMARY.md", "../README.md"),
            ("README.md", "LICENSE#a"),
        ] {
            assert!(from(page, link).is_err(), "{link}");
        }
    }

    #[test]
    fn misses_no_page() {
        let listed = [
            ("docs/SUMMARY.md", "- [A](a.md)\n"),
            ("docs/a.md", ""),
            ("docs/b.md", ""),
        ];
        assert_eq!(
            forgotten(&pages(&listed)),
            ["docs/b.md is not in docs/SUMMARY.md"]
        );
    }
}
