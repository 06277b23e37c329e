//! Conditions that join a pattern to something else, `if let … && …`. Rust has them since 1.88: no lint says that a package's
//! `rust-version` is older, and a newer compiler takes them.

use syn::visit::{self, Visit};

/// Whether a file has one outside of macros.
pub(crate) fn are_in(text: &str) -> syn::Result<bool> {
    let mut finder = Finder(false);
    finder.visit_file(&syn::parse_file(text)?);
    Ok(finder.0)
}

struct Finder(bool);

impl<'a> Visit<'a> for Finder {
    fn visit_expr_binary(&mut self, joined: &'a syn::ExprBinary) {
        let is_pattern = |part: &syn::Expr| matches!(part, syn::Expr::Let(_));
        self.0 |= is_pattern(&joined.left) || is_pattern(&joined.right);
        visit::visit_expr_binary(self, joined);
    }
}
