//! Which file uses which, and which package.

use std::collections::BTreeSet;

use crate::modules::{Import, Module, Tree};

/// Where a path leads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// A module itself, or something it defines.
    Module(usize),
    /// Nothing of this target.
    Elsewhere,
}

/// Pairs of modules, the first of which uses the second. `mod x;` and the re-export of something from below are no
/// use: they only say where things are.
pub(crate) fn between_modules(tree: &Tree) -> BTreeSet<(usize, usize)> {
    let mut arrows = BTreeSet::new();
    for (number, module) in tree.modules.iter().enumerate() {
        let imports = module
            .imports
            .iter()
            .map(|import| (&import.path, import.public));
        let mentions = module.mentions.iter().map(|path| (path, false));
        for (path, public) in imports.chain(mentions) {
            let End::Module(end) = tree.follow(number, path, &mut Vec::new()) else {
                continue;
            };
            if end != number && !(public && tree.is_below(end, number)) {
                arrows.insert((number, end));
            }
        }
    }
    arrows
}

/// First words of the paths that lead out of the target, with the module that has them.
pub(crate) fn first_words(tree: &Tree) -> BTreeSet<(usize, &str)> {
    let mut found = BTreeSet::new();
    for (number, module) in tree.modules.iter().enumerate() {
        let imports = module.imports.iter().map(|import| &import.path);
        for path in imports.chain(&module.mentions) {
            if let Some(word) = path.first() {
                found.insert((number, word.as_str()));
            }
        }
    }
    found
}

impl Tree {
    fn is_below(&self, module: usize, above: usize) -> bool {
        let mut at = self.modules.get(module).and_then(|m| m.parent);
        while let Some(number) = at {
            if number == above {
                return true;
            }
            at = self.modules.get(number).and_then(|m| m.parent);
        }
        false
    }

    /// Follows a path from a module. `seen` keeps imports of each other from going round.
    fn follow(&self, from: usize, path: &[String], seen: &mut Vec<(usize, Vec<String>)>) -> End {
        if seen.iter().any(|(module, p)| *module == from && p == path) {
            return End::Elsewhere;
        }
        seen.push((from, path.to_vec()));
        let (mut at, mut rest) = (from, path);
        let mut first = true;
        while let [word, more @ ..] = rest {
            let Some(module) = self.modules.get(at) else {
                return End::Elsewhere;
            };
            let next = match (word.as_str(), first) {
                ("crate", true) => Some(0),
                ("self", true) => Some(at),
                ("super", _) => module.parent,
                _ => module.children.get(word).copied(),
            };
            let Some(next) = next else {
                return self.item(at, module, word, more, seen, first);
            };
            // `super` may come again.
            first = first && word == "super";
            (at, rest) = (next, more);
        }
        End::Module(at)
    }

    /// Something that is no module of its own: an item, or what an import calls so.
    fn item(
        &self,
        at: usize,
        module: &Module,
        word: &str,
        more: &[String],
        seen: &mut Vec<(usize, Vec<String>)>,
        first: bool,
    ) -> End {
        if module.items.contains(word) {
            return End::Module(at);
        }
        let named = |import: &&Import| import.name.as_deref() == Some(word);
        if let Some(import) = module.imports.iter().find(named) {
            // `use x::y as x` is about a crate `x`, not about itself.
            if import.path.first().is_some_and(|first| first == word) {
                return End::Elsewhere;
            }
            let path: Vec<String> = import.path.iter().chain(more).cloned().collect();
            return self.follow(at, &path, seen);
        }
        for import in module.imports.iter().filter(|import| import.name.is_none()) {
            let End::Module(source) = self.follow(at, &import.path, seen) else {
                continue;
            };
            if self.has(source, word) {
                let path: Vec<String> = std::iter::once(word.to_owned())
                    .chain(more.iter().cloned())
                    .collect();
                return self.follow(source, &path, seen);
            }
        }
        // A word after others stands in this module, though we do not see where: a macro's work, a variant.
        if first {
            End::Elsewhere
        } else {
            End::Module(at)
        }
    }

    fn has(&self, module: usize, word: &str) -> bool {
        self.modules.get(module).is_some_and(|module| {
            let imported = |import: &Import| import.name.as_deref() == Some(word);
            module.items.contains(word)
                || module.children.contains_key(word)
                || module.imports.iter().any(imported)
        })
    }
}
