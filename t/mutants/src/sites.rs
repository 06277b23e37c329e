//! Where in a source text faults can be switched.

use std::ops::Range;

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::mutant::Mutant;

/// What surrounds the part that a fault replaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Site {
    /// An expression: with the part replaced it is another expression.
    Expression(Range<usize>),
    /// An arm of a `match` that is left out: where its pattern ends, and its guard if it has one.
    Arm(usize, Option<Range<usize>>),
    /// The body of a function: its first byte behind the brace.
    Body(usize),
}

/// The parts of a file that faults replace, each with its site.
pub(crate) struct Sites(Vec<(Range<usize>, Site)>);

impl Sites {
    /// Reads a file.
    pub(crate) fn of(text: &str) -> Result<Self, String> {
        let file = syn::parse_file(text).map_err(|e| e.to_string())?;
        let mut sites = Self(Vec::new());
        sites.visit_file(&file);
        Ok(sites)
    }

    /// The site of a fault. None: it cannot be switched, such as an operator between two `let`s of a condition.
    pub(crate) fn find(&self, mutant: &Mutant) -> Option<Site> {
        let Range { start, end } = mutant.part;
        let is_it = |(of, site): &&(Range<usize>, Site)| match site {
            Site::Body(_) => mutant.returns && of.start <= start && end <= of.end,
            Site::Expression(_) | Site::Arm(..) => !mutant.returns && *of == mutant.part,
        };
        let found = self.0.iter().filter(is_it);
        let innermost = found.min_by_key(|(of, _)| of.len());
        innermost.map(|(_, site)| site.clone())
    }

    fn add(&mut self, part: Span, site: Site) {
        self.0.push((part.byte_range(), site));
    }

    fn body(&mut self, block: &syn::Block) {
        let open = block.brace_token.span.open().byte_range();
        self.add(block.span(), Site::Body(open.end));
    }
}

/// Whether a condition has a `let`: it is no expression of its own then.
fn has_let(expr: &syn::Expr) -> bool {
    match expr {
        syn::Expr::Let(_) => true,
        syn::Expr::Binary(binary) => has_let(&binary.left) || has_let(&binary.right),
        _ => false,
    }
}

impl<'ast> Visit<'ast> for Sites {
    fn visit_expr_binary(&mut self, expr: &'ast syn::ExprBinary) {
        if !has_let(&expr.left) && !has_let(&expr.right) {
            let around = expr.span().byte_range();
            self.add(expr.op.span(), Site::Expression(around));
        }
        visit::visit_expr_binary(self, expr);
    }

    fn visit_expr_unary(&mut self, expr: &'ast syn::ExprUnary) {
        let around = expr.span().byte_range();
        self.add(expr.op.span(), Site::Expression(around));
        visit::visit_expr_unary(self, expr);
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        let guard = arm.guard.as_ref().map(|(_, guard)| guard);
        if guard.is_none_or(|guard| !has_let(guard)) {
            let guard = guard.map(|guard| guard.span().byte_range());
            let pattern_end = arm.pat.span().byte_range().end;
            self.add(arm.span(), Site::Arm(pattern_end, guard.clone()));
            if let Some(guard) = guard {
                self.0.push((guard.clone(), Site::Expression(guard)));
            }
        }
        visit::visit_arm(self, arm);
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.body(&item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.body(&item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.body(block);
        }
        visit::visit_trait_item_fn(self, item);
    }
}
