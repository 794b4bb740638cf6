//! Counts lines and parameters in one file of Rust.

use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, Block, FnArg, ImplItemFn, Item, ItemFn, ItemImpl, Meta, Signature, TraitItemFn};

/// What one file comes to.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Its lines without those of its tests.
    pub(crate) lines: usize,
    /// Its functions, those of its tests too.
    pub(crate) functions: Vec<Function>,
    /// Whether the functions met now are written down by a trait.
    prescribed: bool,
}

/// One function with a body.
#[derive(Debug)]
pub(crate) struct Function {
    /// Its name.
    pub(crate) name: String,
    /// The line of its `fn`.
    pub(crate) line: usize,
    /// Its lines from `fn` to its closing brace.
    pub(crate) lines: usize,
    /// Its parameters without `self`; none where a trait prescribes them.
    pub(crate) parameters: usize,
}

/// Counts one file.
///
/// # Errors
///
/// The parser's, when it is not Rust.
pub(crate) fn count(source: &str) -> syn::Result<Counts> {
    let file = syn::parse_file(source)?;
    let mut counts = Counts { lines: source.lines().count(), ..Counts::default() };
    counts.visit_file(&file);
    Ok(counts)
}

impl Counts {
    fn function(&mut self, signature: &Signature, body: &Block) {
        let line = signature.fn_token.span.start().line;
        let typed = signature.inputs.iter().filter(|input| matches!(input, FnArg::Typed(_)));
        self.functions.push(Function {
            name: signature.ident.to_string(),
            line,
            lines: body.brace_token.span.close().end().line + 1 - line,
            parameters: if self.prescribed { 0 } else { typed.count() },
        });
    }
}

impl<'ast> Visit<'ast> for Counts {
    fn visit_item(&mut self, item: &'ast Item) {
        if attributes(item).iter().any(is_for_tests) {
            let span = item.span();
            self.lines -= span.end().line + 1 - span.start().line;
        }
        visit::visit_item(self, item);
    }

    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        let outer = std::mem::replace(&mut self.prescribed, false);
        self.function(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
        self.prescribed = outer;
    }

    fn visit_item_impl(&mut self, implementation: &'ast ItemImpl) {
        let outer = std::mem::replace(&mut self.prescribed, implementation.trait_.is_some());
        visit::visit_item_impl(self, implementation);
        self.prescribed = outer;
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        self.function(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast TraitItemFn) {
        if let Some(body) = &function.default {
            self.function(&function.sig, body);
        }
        visit::visit_trait_item_fn(self, function);
    }
}

/// The attributes of the items that tests are made of.
fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Whether this is `#[cfg(test)]`.
fn is_for_tests(attribute: &Attribute) -> bool {
    match &attribute.meta {
        Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_found_wherever_they_stand() {
        let source = "
            struct S;
            impl S {
                fn method(&self, a: u8) {}
            }
            impl From<u8> for S {
                fn from(a: u8) -> Self { fn inner(a: u8, b: u8) {} S }
            }
            trait T {
                fn required(a: u8);
                fn provided(&self, a: u8, b: u8) {
                }
            }
            mod m { pub async fn free() {} }
        ";
        let counts = count(source).expect("Rust");
        let found = counts.functions.iter().map(|one| (one.name.as_str(), one.lines, one.parameters));
        let expected = [("method", 1, 1), ("from", 1, 0), ("inner", 1, 2), ("provided", 2, 2), ("free", 1, 0)];
        assert_eq!(found.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn tests_are_not_counted_in_a_file() {
        let source =
            "//! About.\nfn a() {}\n\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n#[cfg(test)]\nuse a as b;\n";
        let counts = count(source).expect("Rust");
        assert_eq!(counts.lines, 3);
        assert_eq!(counts.functions.len(), 2);
        assert_eq!(count("#[cfg(not(test))]\nfn a() {}\n").expect("Rust").lines, 2);
    }
}
