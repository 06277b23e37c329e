//! The directive reference, a page for each family, written from the table nginx reads and from what the families say of it.

use crate::family::Family;
use crate::module::Gatehouse;
use gatehouse_base::metrics::About;
use gatehouse_nginx::conf::directive::{Args, Directive, Row, rows};
use gatehouse_nginx::{Conf, Error, HttpModule};
use std::fmt::Write;

/// The families that have a page.
fn chapters(families: &'static [Family]) -> impl Iterator<Item = &'static Family> {
    families.iter().filter(|family| !family.title.is_empty())
}

/// `test_reference folder`: writes the pages of the reference, or refuses when they would not be true.
pub(crate) fn write(cf: &mut Conf<'_, Gatehouse>) -> Result<(), Error> {
    let word = cf.words()?.get(1).cloned().unwrap_or_default();
    let rows = rows::<Gatehouse>();
    let families = cf.main().families;
    compare(&rows, families)?;
    let folder = cf.path(&word)?;
    let pages = chapters(families).map(|one| (one.page, page(one)));
    for (name, text) in pages.chain([("index", index(families))]) {
        let path = folder.join(name).with_extension("md");
        std::fs::write(&path, text)
            .map_err(|e| Error::new(format!("cannot write \"{}\" ({e})", path.display())))?;
    }
    Ok(())
}

/// Compares what nginx reads with what the reference says, both ways.
fn compare(rows: &[Row], families: &'static [Family]) -> Result<(), Error> {
    let described = || chapters(families).flat_map(|chapter| chapter.directives);
    for row in rows {
        let mut all = families.iter().flat_map(|family| family.directives);
        let directive = all
            .find(|d| name(d) == row.name)
            .ok_or_else(|| format!("directive \"{}\" is not in the reference", row.name))?;
        if row.contexts != directive.contexts || !row.takes(directive.args) {
            return Err(format!("nginx reads \"{}\" in another way", row.name).into());
        }
    }
    for directive in described() {
        if !rows.iter().any(|row| row.name == name(directive)) {
            return Err(format!("nginx does not know \"{}\"", name(directive)).into());
        }
        describe_well(directive)?;
    }
    check_metrics(families)?;
    let variables = chapters(families).flat_map(|chapter| chapter.variables);
    let described: Vec<_> = variables.map(|variable| variable.name).collect();
    let mut known = Gatehouse::VARIABLES.iter().copied().flatten();
    match known.find(|variable| !described.contains(&variable.name)) {
        Some(missing) => {
            Err(format!("variable \"${}\" is not in the reference", missing.name).into())
        }
        None => Ok(()),
    }
}

/// Refuses metrics that Prometheus would misread, and one that stands on no page.
fn check_metrics(families: &'static [Family]) -> Result<(), Error> {
    let mut seen = Vec::new();
    for family in families {
        for about in family.abouts() {
            let unique = !seen.contains(&about.name) && !family.title.is_empty();
            match about.fault() {
                Some(fault) => return Err(fault.into()),
                None if unique => seen.push(about.name),
                None => {
                    return Err(format!("metric \"{}\" is not in the reference", about.name).into());
                }
            }
        }
    }
    Ok(())
}

/// Refuses a directive whose syntax contradicts its number of parameters, or that says nothing.
fn describe_well(directive: &Directive<Gatehouse>) -> Result<(), Error> {
    let syntax = directive.syntax;
    let words = syntax.split_whitespace().count();
    let agrees = match directive.args {
        Args::Flag => syntax == "on | off",
        Args::Block(n) => syntax.ends_with("{ … }") && words.checked_sub(3) == Some(n as usize),
        Args::Exactly(n) => syntax.contains('|') || words == n as usize,
        Args::Between(_, _) | Args::OneOrMore | Args::TwoOrMore => syntax.contains(['[', '…', '|']),
    };
    if agrees && !directive.text.trim().is_empty() {
        return Ok(());
    }
    Err(format!("the reference of \"{}\" cannot be true", name(directive)).into())
}

fn name(directive: &Directive<Gatehouse>) -> &'static str {
    directive.name.to_str().unwrap_or_default()
}

/// The page of a family, Markdown, its directives in nginx.org's form.
fn page(chapter: &Family) -> String {
    let mut out = format!("# {}\n\n", chapter.title);
    for directive in chapter.directives {
        describe(&mut out, directive, chapter.words);
    }
    if !chapter.variables.is_empty() {
        out.push_str("## Variables\n\n");
    }
    for variable in chapter.variables {
        let _ = writeln!(out, "- `${}`: {}", variable.name, variable.text);
    }
    if chapter.abouts().next().is_some() {
        out.push_str("\n## Metrics\n\n");
    }
    for about in chapter.abouts() {
        describe_metric(&mut out, about);
    }
    out.trim_end().to_owned() + "\n"
}

/// A line of the list of metrics.
fn describe_metric(out: &mut String, about: &About) {
    let labels = match about.labels {
        [] => String::new(),
        labels => format!("{{{}}}", labels.join(",")),
    };
    let (name, kind, unit) = (about.name, about.kind.as_str(), about.unit);
    let _ = writeln!(out, "- `{name}{labels}` ({kind}, {unit}): {}", about.text);
}

/// The first page: where each directive, variable and metric is described.
fn index(families: &'static [Family]) -> String {
    let mut out = "# All directives, variables and metrics\n\n".to_owned();
    for chapter in chapters(families) {
        let page = chapter.page;
        let _ = writeln!(out, "## [{}]({page}.md)\n", chapter.title);
        for name in chapter.directives.iter().map(name) {
            let _ = writeln!(out, "- [`{name}`]({page}.md#{name})");
        }
        for variable in chapter.variables {
            let _ = writeln!(out, "- [`${}`]({page}.md#variables)", variable.name);
        }
        for about in chapter.abouts() {
            let _ = writeln!(out, "- [`{}`]({page}.md#metrics)", about.name);
        }
        out.push('\n');
    }
    out.trim_end().to_owned() + "\n"
}

fn describe(out: &mut String, directive: &Directive<Gatehouse>, words: fn() -> String) {
    let name = name(directive);
    let end = if directive.syntax.ends_with('}') {
        ""
    } else {
        ";"
    };
    let before = if directive.syntax.is_empty() { "" } else { " " };
    let default = match directive.default {
        None => "—".to_owned(),
        // The default of a parameter: without the directive there is nothing.
        Some(parameter) if parameter.contains('=') => parameter.to_owned(),
        Some(words) => format!("{name} {words};"),
    };
    let _ = write!(
        out,
        "## {name}\n\n```text\nSyntax:  {name}{before}{}{end}\nDefault: {default}\nContext: {}\n```\n\n{}\n\n",
        directive.syntax,
        directive.context_names().join(", "),
        directive.text.trim().replace("{words}", &words()),
    );
}
