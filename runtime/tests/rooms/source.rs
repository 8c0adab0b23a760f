//! Reads a crate: its files, what each imports from the others, and where it uses `unsafe`.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;
use std::collections::{BTreeSet, HashMap};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree};

/// A module's path below `crate`; that of `lib.rs` is empty.
pub type Module = Vec<String>;

/// A file of the crate.
pub struct File {
    pub name: String,
    pub module: Module,
    pub imports: Vec<Import>,
    pub unsafe_code: Vec<Unsafe>,
}

/// A path that leads from one file to another, in a `use` or in the midst of code.
pub struct Import {
    pub line: usize,
    pub path: String,
    /// The module of the file that the path leads to.
    pub target: Module,
    /// Whether only a test's build sees it.
    pub in_test: bool,
}

/// A use of the keyword `unsafe` that needs a proof.
pub struct Unsafe {
    pub line: usize,
    pub kind: &'static str,
}

/// Reads the crate whose root is `lib.rs`. `read` returns a file's text, if there is such a file.
pub fn read_crate(read: &dyn Fn(&str) -> Option<String>) -> Vec<File> {
    let mut pending = vec![("lib.rs".to_owned(), Module::new(), false)];
    let mut scans = Vec::new();
    while let Some((name, module, in_test)) = pending.pop() {
        let text = read(&name).unwrap_or_else(|| panic!("{name} cannot be read"));
        let syntax =
            syn::parse_file(&text).unwrap_or_else(|e| panic!("{name} cannot be parsed: {e}"));
        let mut scan = Scan {
            modules: vec![module.clone()],
            in_test,
            ..Scan::default()
        };
        scan.visit_file(&syntax);
        for (child, in_test) in std::mem::take(&mut scan.files) {
            let stem = child.join("/");
            let name = [format!("{stem}.rs"), format!("{stem}/mod.rs")]
                .into_iter()
                .find(|name| read(name).is_some())
                .unwrap_or_else(|| panic!("no file of the module {}", child.join("::")));
            pending.push((name, child, in_test));
        }
        scans.push((name, module, scan));
    }

    let modules: BTreeSet<Module> = scans.iter().map(|(_, module, _)| module.clone()).collect();
    let exports = exports(&scans[0].2, &modules);
    let mut files: Vec<File> = scans
        .into_iter()
        .map(|(name, module, scan)| File {
            imports: scan.imports(&module, &modules, &exports),
            unsafe_code: scan.unsafe_code,
            name,
            module,
        })
        .collect();
    files.sort_by(|a, b| a.name.cmp(&b.name));
    files
}

/// The names that `lib.rs` exports again, and the modules that they come from.
fn exports(root: &Scan, modules: &BTreeSet<Module>) -> HashMap<String, Module> {
    let mut exports = HashMap::new();
    for found in &root.paths {
        if let Some(name) = &found.binds {
            let target = file_of(&found.path, modules);
            exports.insert(name.clone(), target);
        }
    }
    exports
}

/// The longest prefix of `path` that is a file's module.
fn file_of(path: &[String], modules: &BTreeSet<Module>) -> Module {
    (0..=path.len())
        .rev()
        .map(|length| path[..length].to_vec())
        .find(|prefix| modules.contains(prefix))
        .expect("lib.rs is a prefix of all")
}

/// A path as found, made absolute.
struct Found {
    line: usize,
    path: Module,
    /// The name that a `use` gives it.
    binds: Option<String>,
    in_test: bool,
}

#[derive(Default)]
struct Scan {
    /// The modules around the code that is being visited, the innermost last.
    modules: Vec<Module>,
    /// The modules of these that are declared so far, by parent.
    children: BTreeSet<Module>,
    in_test: bool,
    files: Vec<(Module, bool)>,
    paths: Vec<Found>,
    unsafe_code: Vec<Unsafe>,
}

impl Scan {
    fn module(&self) -> &Module {
        self.modules.last().expect("a file's own module is there")
    }

    fn imports(
        &self,
        own: &Module,
        modules: &BTreeSet<Module>,
        exports: &HashMap<String, Module>,
    ) -> Vec<Import> {
        let target = |path: &Module| match file_of(path, modules) {
            root if root.is_empty() => path.first().and_then(|name| exports.get(name)).cloned(),
            file => Some(file),
        };
        let import = |found: &Found| Import {
            line: found.line,
            path: format!("crate::{}", found.path.join("::")),
            target: target(&found.path).unwrap_or_default(),
            in_test: found.in_test,
        };
        let elsewhere = |import: &Import| import.target != *own;
        self.paths.iter().map(import).filter(elsewhere).collect()
    }

    /// Notes a path that begins with `crate`, `self`, `super` or a module declared here.
    fn note(&mut self, segments: &[String], binds: Option<String>, span: Span) {
        let mut path = match segments[0].as_str() {
            "crate" => Module::new(),
            "self" | "super" => self.module().clone(),
            first => {
                let child = [self.module().as_slice(), &[first.to_owned()]].concat();
                if !self.children.contains(&child) {
                    return;
                }
                self.module().clone()
            }
        };
        for segment in segments {
            match segment.as_str() {
                "crate" | "self" => {}
                "super" => drop(path.pop()),
                name => path.push(name.to_owned()),
            }
        }
        // `pub(crate)` and `pub(super)` are no imports.
        if segments
            .iter()
            .all(|s| matches!(s.as_str(), "crate" | "self" | "super"))
            && binds.is_none()
        {
            return;
        }
        self.paths.push(Found {
            line: span.start().line,
            path,
            binds,
            in_test: self.in_test,
        });
    }

    fn note_use(&mut self, tree: &UseTree, before: &mut Vec<String>) {
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.note_use(&path.tree, before);
                before.pop();
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.note_use(tree, before);
                }
            }
            UseTree::Name(name) => self.note_leaf(before, &name.ident, &name.ident),
            UseTree::Rename(rename) => self.note_leaf(before, &rename.ident, &rename.rename),
            UseTree::Glob(glob) => {
                let binds = Some("*".to_owned());
                self.note(&before.clone(), binds, glob.star_token.spans[0]);
            }
        }
    }

    fn note_leaf(
        &mut self,
        before: &[String],
        name: &proc_macro2::Ident,
        binds: &proc_macro2::Ident,
    ) {
        let segments = [before, &[name.to_string()]].concat();
        self.note(&segments, Some(binds.to_string()), name.span());
    }

    /// What is in a macro is not parsed: paths and the keyword are found among its tokens.
    fn note_tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut start = Span::call_site();
        let mut colons = 0;
        let tokens = tokens.into_iter().map(Some).chain([None]);
        for token in tokens {
            match &token {
                Some(TokenTree::Punct(punct)) if punct.as_char() == ':' && colons < 2 => {
                    colons += 1;
                    continue;
                }
                Some(TokenTree::Ident(ident)) if colons == 2 && !path.is_empty() => {
                    path.push(ident.to_string());
                    colons = 0;
                    continue;
                }
                _ => {}
            }
            if path.len() > 1 {
                self.note(&path, None, start);
            }
            path.clear();
            colons = 0;
            match token {
                Some(TokenTree::Ident(ident)) => {
                    if ident == "unsafe" {
                        self.note_unsafe(ident.span(), "in a macro");
                    }
                    start = ident.span();
                    path.push(ident.to_string());
                }
                Some(TokenTree::Group(group)) => self.note_tokens(group.stream()),
                _ => {}
            }
        }
    }

    fn note_unsafe(&mut self, span: Span, kind: &'static str) {
        let line = span.start().line;
        self.unsafe_code.push(Unsafe { line, kind });
    }

    fn declare(&mut self, items: &[Item]) {
        for item in items {
            if let Item::Mod(module) = item {
                let name = module.ident.to_string();
                let child = [self.module().as_slice(), &[name]].concat();
                self.children.insert(child);
            }
        }
    }

    fn within_test(&mut self, attributes: &[Attribute], visit: impl FnOnce(&mut Self)) {
        let outside = self.in_test;
        self.in_test |= attributes.iter().any(is_for_tests);
        visit(self);
        self.in_test = outside;
    }
}

/// Whether this is `#[cfg(test)]`, or `#[cfg(all(test, ..))]`.
fn is_for_tests(attribute: &Attribute) -> bool {
    let text = attribute
        .meta
        .to_token_stream()
        .to_string()
        .replace(' ', "");
    text == "cfg(test)" || text.starts_with("cfg(all(test,")
}

impl<'ast> Visit<'ast> for Scan {
    fn visit_file(&mut self, file: &'ast syn::File) {
        self.declare(&file.items);
        visit::visit_file(self, file);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let module = [self.module().as_slice(), &[item.ident.to_string()]].concat();
        self.within_test(&item.attrs, |scan| {
            if let Some((_, items)) = &item.content {
                scan.modules.push(module);
                scan.declare(items);
                visit::visit_item_mod(scan, item);
                scan.modules.pop();
            } else {
                scan.files.push((module, scan.in_test));
            }
        });
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.within_test(&item.attrs, |scan| {
            scan.note_use(&item.tree, &mut Vec::new())
        });
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.within_test(&item.attrs, |scan| visit::visit_item_fn(scan, item));
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if let Some(token) = &item.unsafety {
            self.note_unsafe(token.span, "impl");
        }
        self.within_test(&item.attrs, |scan| visit::visit_item_impl(scan, item));
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        if path.leading_colon.is_none() && segments.len() > 1 {
            self.note(&segments, None, path.segments[0].ident.span());
        }
        visit::visit_path(self, path);
    }

    fn visit_item_macro(&mut self, item: &'ast syn::ItemMacro) {
        if item.attrs.iter().any(|a| a.path().is_ident("macro_export")) {
            // The paths are those of users' code, which sees the public interface.
            let paths = self.paths.len();
            visit::visit_item_macro(self, item);
            self.paths.truncate(paths);
        } else {
            visit::visit_item_macro(self, item);
        }
    }

    fn visit_macro(&mut self, mac: &'ast syn::Macro) {
        self.note_tokens(mac.tokens.clone());
        visit::visit_macro(self, mac);
    }

    fn visit_expr_unsafe(&mut self, block: &'ast syn::ExprUnsafe) {
        self.note_unsafe(block.unsafe_token.span, "block");
        visit::visit_expr_unsafe(self, block);
    }

    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        if let Some(token) = &signature.unsafety {
            self.note_unsafe(token.span, "fn");
        }
        visit::visit_signature(self, signature);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        if let Some(token) = &item.unsafety {
            self.note_unsafe(token.span, "trait");
        }
        visit::visit_item_trait(self, item);
    }

    fn visit_item_foreign_mod(&mut self, item: &'ast syn::ItemForeignMod) {
        if let Some(token) = &item.unsafety {
            self.note_unsafe(token.span, "extern block");
        }
        visit::visit_item_foreign_mod(self, item);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if attribute.path().is_ident("unsafe") {
            self.note_unsafe(attribute.pound_token.span, "attribute");
        }
    }
}
