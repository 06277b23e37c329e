//! The modules of one target: which file each is in, what it defines, imports and mentions.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use syn::{Attribute, Item, UseTree, Visibility};

use crate::paths;

/// A target's modules; the first is its root.
pub(crate) struct Tree {
    pub modules: Vec<Module>,
}

/// One module.
pub(crate) struct Module {
    pub file: PathBuf,
    pub parent: Option<usize>,
    pub children: HashMap<String, usize>,
    /// Names of its own functions, types, ….
    pub items: HashSet<String>,
    pub imports: Vec<Import>,
    /// Paths that its code mentions.
    pub mentions: Vec<Vec<String>>,
}

/// One name of a `use`.
pub(crate) struct Import {
    /// What it is called here; none for `*`.
    pub name: Option<String>,
    pub path: Vec<String>,
    /// Whether others may have it from here.
    pub public: bool,
}

/// Reads the modules below a target's root file. Code that is only for tests is left out.
pub(crate) fn read(root: &Path) -> Result<Tree, String> {
    let mut tree = Tree {
        modules: Vec::new(),
    };
    let directory = root.parent().unwrap_or(root).to_owned();
    let items = parse(root)?;
    let module = tree.add(root, None);
    tree.fill(module, items, &directory)?;
    Ok(tree)
}

fn parse(file: &Path) -> Result<Vec<Item>, String> {
    let failed = |e: &dyn std::fmt::Display| format!("{}: {e}", file.display());
    let text = std::fs::read_to_string(file).map_err(|e| failed(&e))?;
    let parsed = syn::parse_file(&text).map_err(|e| failed(&e))?;
    Ok(if paths::is_test(&parsed.attrs) {
        Vec::new()
    } else {
        parsed.items
    })
}

impl Tree {
    fn add(&mut self, file: &Path, parent: Option<usize>) -> usize {
        self.modules.push(Module {
            file: file.to_owned(),
            parent,
            children: HashMap::new(),
            items: HashSet::new(),
            imports: Vec::new(),
            mentions: Vec::new(),
        });
        self.modules.len().saturating_sub(1)
    }

    /// Takes in a module's items; `directory` is where files of its children are.
    fn fill(&mut self, number: usize, items: Vec<Item>, directory: &Path) -> Result<(), String> {
        for item in items {
            if paths::is_test(attributes(&item)) {
                continue;
            }
            match item {
                Item::Mod(module) => self.child(number, module, directory)?,
                Item::Use(item) => {
                    let public = !matches!(item.vis, Visibility::Inherited);
                    if let Some(module) = self.modules.get_mut(number) {
                        imports(&item.tree, &mut Vec::new(), public, &mut module.imports);
                    }
                }
                item => {
                    if let Some(module) = self.modules.get_mut(number) {
                        module.items.extend(name(&item));
                        module.mentions.extend(paths::mentioned(&item));
                    }
                }
            }
        }
        Ok(())
    }

    fn child(&mut self, parent: usize, item: syn::ItemMod, directory: &Path) -> Result<(), String> {
        let name = item.ident.to_string();
        let parent_file = self
            .modules
            .get(parent)
            .map(|m| m.file.clone())
            .unwrap_or_default();
        let below = directory.join(&name);
        let (file, items, below) = match item.content {
            Some((_, items)) => (parent_file, items, below),
            None => {
                let file = file_of(&item.attrs, &name, directory, &parent_file)?;
                let items = parse(&file)?;
                (file, items, below)
            }
        };
        let number = self.add(&file, Some(parent));
        if let Some(module) = self.modules.get_mut(parent) {
            module.children.insert(name, number);
        }
        self.fill(number, items, &below)
    }
}

/// What `#[path = "…"]` says.
fn path_in(attribute: &Attribute) -> Option<String> {
    let syn::Meta::NameValue(pair) = &attribute.meta else {
        return None;
    };
    match &pair.value {
        syn::Expr::Lit(syn::ExprLit {
            lit: syn::Lit::Str(text),
            ..
        }) if pair.path.is_ident("path") => Some(text.value()),
        _ => None,
    }
}

/// `x.rs` or `x/mod.rs`, or what `#[path]` says.
fn file_of(
    attributes: &[Attribute],
    name: &str,
    directory: &Path,
    parent_file: &Path,
) -> Result<PathBuf, String> {
    if let Some(text) = attributes.iter().find_map(path_in) {
        let near = parent_file.parent().unwrap_or(parent_file);
        return Ok(near.join(text));
    }
    let places = [
        directory.join(format!("{name}.rs")),
        directory.join(name).join("mod.rs"),
    ];
    let found = places.into_iter().find(|file| file.is_file());
    found.ok_or_else(|| format!("{}: no file of `mod {name}`", parent_file.display()))
}

fn imports(tree: &UseTree, path: &mut Vec<String>, public: bool, found: &mut Vec<Import>) {
    let mut add = |path: &[String], last: Option<&syn::Ident>, name: Option<String>| {
        let mut path = path.to_vec();
        // `use a::b::{self}` is `use a::b`.
        let own = last.is_some_and(|last| last == "self");
        if let Some(last) = last.filter(|_| !own || path.is_empty()) {
            path.push(last.to_string());
        }
        let name = if own { path.last().cloned() } else { name };
        found.push(Import { name, path, public });
    };
    match tree {
        UseTree::Path(part) => {
            path.push(part.ident.to_string());
            imports(&part.tree, path, public, found);
            path.pop();
        }
        UseTree::Name(part) => add(path, Some(&part.ident), Some(part.ident.to_string())),
        UseTree::Rename(part) => add(path, Some(&part.ident), Some(part.rename.to_string())),
        UseTree::Glob(_) => add(path, None, None),
        UseTree::Group(group) => {
            for part in &group.items {
                imports(part, path, public, found);
            }
        }
    }
}

fn name(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::TraitAlias(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(ident.to_string())
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}
