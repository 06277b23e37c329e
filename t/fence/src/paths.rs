//! The paths that a piece of code mentions.

use proc_macro2::{TokenStream, TokenTree};
use syn::Attribute;
use syn::visit::{self, Visit};

/// Paths of two words or more, or of `crate`, `self` and `super`.
pub(crate) fn mentioned(item: &syn::Item) -> Vec<Vec<String>> {
    let mut mentions = Mentions(Vec::new());
    mentions.visit_item(item);
    mentions.0
}

/// Whether an attribute is `#[cfg(test)]`, maybe with conditions beside it.
pub(crate) fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let syn::Meta::List(list) = &attribute.meta else {
            return false;
        };
        let text = list.tokens.to_string();
        attribute.path().is_ident("cfg") && (text == "test" || text.starts_with("all (test"))
    })
}

struct Mentions(Vec<Vec<String>>);

impl<'a> Visit<'a> for Mentions {
    fn visit_path(&mut self, path: &'a syn::Path) {
        if path.leading_colon.is_none() && path.segments.len() > 1 {
            let words = path.segments.iter().map(|part| part.ident.to_string());
            self.0.push(words.collect());
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'a syn::Macro) {
        self.visit_path(&call.path);
        in_tokens(call.tokens.clone(), &mut self.0);
    }

    fn visit_impl_item_fn(&mut self, function: &'a syn::ImplItemFn) {
        if !is_test(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    /// A `use` inside of a function.
    fn visit_item_use(&mut self, item: &'a syn::ItemUse) {
        let mut path = Vec::new();
        let mut tree = &item.tree;
        while let syn::UseTree::Path(part) = tree {
            path.push(part.ident.to_string());
            tree = &part.tree;
        }
        if let syn::UseTree::Name(last) = tree {
            path.push(last.ident.to_string());
        }
        self.0.push(path);
    }
}

/// Words with `::` between them, in the arguments of a macro.
fn in_tokens(tokens: TokenStream, found: &mut Vec<Vec<String>>) {
    let mut path: Vec<String> = Vec::new();
    let mut colons = 0_usize;
    let end = |path: &mut Vec<String>, found: &mut Vec<Vec<String>>| {
        if path.len() > 1 {
            found.push(std::mem::take(path));
        }
        path.clear();
    };
    for token in tokens {
        match token {
            TokenTree::Ident(word) => {
                if colons != 2 {
                    end(&mut path, found);
                }
                path.push(word.to_string());
                colons = 0;
            }
            TokenTree::Punct(mark) if mark.as_char() == ':' && !path.is_empty() => {
                colons = colons.saturating_add(1);
            }
            other => {
                end(&mut path, found);
                colons = 0;
                if let TokenTree::Group(group) = other {
                    in_tokens(group.stream(), found);
                }
            }
        }
    }
    end(&mut path, found);
}
