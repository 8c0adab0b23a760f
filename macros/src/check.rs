//! What a function must be like to be exported.

use crate::options::{Mode, Options};
use quote::ToTokens;
use syn::visit::{self, Visit};
use syn::{Attribute, Error, FnArg, ItemFn, Result, ReturnType, Type, Visibility};

/// All that is wrong, so that one compilation tells it all.
#[derive(Default)]
struct Complaints(Option<Error>);

impl Complaints {
    fn add(&mut self, error: Error) {
        match &mut self.0 {
            Some(all) => all.combine(error),
            None => self.0 = Some(error),
        }
    }

    fn at(&mut self, tokens: impl ToTokens, message: &str) {
        self.add(Error::new_spanned(tokens, message));
    }
}

/// Refuses what cannot be exported, and gives the arguments' types.
pub fn check(function: &ItemFn, options: &Options) -> Result<Vec<Type>> {
    let mut complaints = Complaints::default();
    let sig = &function.sig;
    for attribute in &function.attrs {
        if let Some(message) = refusal(attribute) {
            complaints.at(attribute, message);
        }
    }
    match &function.vis {
        Visibility::Public(_) => {}
        Visibility::Restricted(vis) => complaints.at(
            vis,
            "OCaml sees every function that is exported to it: write `pub`",
        ),
        Visibility::Inherited => complaints.at(
            sig.fn_token,
            "OCaml sees every function that is exported to it: write `pub fn`",
        ),
    }
    if !sig.generics.params.is_empty() {
        complaints.at(
            &sig.generics,
            "a function exported to OCaml has no type, lifetime or const parameters: OCaml calls \
             one function, so write one for each type",
        );
    }
    if let Some(clause) = &sig.generics.where_clause {
        complaints.at(
            clause,
            "a function exported to OCaml has no `where`: there is nothing to choose",
        );
    }
    if let Some(unsafety) = &sig.unsafety {
        complaints.at(
            unsafety,
            "OCaml cannot keep the promises of an `unsafe fn`: export a safe function",
        );
    }
    if let Some(abi) = &sig.abi {
        complaints.at(abi, "#[func] chooses the ABI: leave out `extern`");
    }
    if let Some(variadic) = &sig.variadic {
        complaints.at(
            variadic,
            "a function exported to OCaml takes a fixed number of arguments",
        );
    }
    match options.mode {
        Mode::Sync | Mode::Blocking => {
            if let Some(asyncness) = &sig.asyncness {
                complaints.at(
                    asyncness,
                    "a function with `sync` or `blocking` does not await: leave out `async`, or \
                     the option",
                );
            } else if let Some(e) = awaits(function) {
                complaints.add(e);
            }
        }
        Mode::Async | Mode::Tokio => {
            if let Some(constness) = &sig.constness {
                complaints.at(
                    constness,
                    "the body is async, so the function cannot be `const`: leave that out, or \
                     write #[func(sync)]",
                );
            }
        }
    }
    let mut types = Vec::new();
    for input in &sig.inputs {
        match input {
            FnArg::Receiver(receiver) => complaints.at(
                receiver,
                "a function exported to OCaml takes no `self`: export a free function that takes \
                 what it needs as arguments",
            ),
            FnArg::Typed(arg) => {
                if let Some(cfg) = arg.attrs.iter().find(|a| is_conditional(a)) {
                    complaints.at(
                        cfg,
                        "OCaml's `external` has a fixed number of arguments: use `cfg` on whole \
                         functions",
                    );
                }
                let mut argument = Argument(None);
                argument.visit_type(&arg.ty);
                match argument.0 {
                    Some(e) => complaints.add(e),
                    None => types.push((*arg.ty).clone()),
                }
            }
        }
    }
    if let (ReturnType::Default, Some(raise)) = (&sig.output, options.raise) {
        complaints.add(Error::new(
            raise,
            "`raise` makes an exception of an `Err`: let the function give a `Result`, or leave \
             the option out",
        ));
    }
    if let ReturnType::Type(_, ty) = &sig.output {
        let mut output = Output(None);
        output.visit_type(ty);
        if let Some(e) = output.0 {
            complaints.add(e);
        }
    }
    match complaints.0 {
        Some(e) => Err(e),
        None => Ok(types),
    }
}

fn is_conditional(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg") || attribute.path().is_ident("cfg_attr")
}

/// What is wrong with an attribute of the function.
fn refusal(attribute: &Attribute) -> Option<&'static str> {
    // `#[unsafe(no_mangle)]` names the attribute inside.
    let inner = if attribute.path().is_ident("unsafe") {
        attribute.parse_args::<syn::Meta>().ok()
    } else {
        None
    };
    let path = inner.as_ref().map_or(attribute.path(), syn::Meta::path);
    if path.is_ident("no_mangle") || path.is_ident("export_name") {
        Some(
            "#[func] exports the function, under the name that `name = \"...\"` gives: leave this \
             out",
        )
    } else if path.segments.last().is_some_and(|s| s.ident == "func") {
        Some("#[func] is given twice: put all options into one, such as #[func(tokio, raise)]")
    } else {
        None
    }
}

/// Whether an attribute may stay on the function.
pub fn is_kept(attribute: &Attribute) -> bool {
    refusal(attribute).is_none()
}

/// The message for `Self`, the one sign of an `impl` block that is visible from here.
const IN_IMPL: &str = "a function exported to OCaml is a free function: move it out of the `impl`, \
     and name the type instead of `Self`";

/// Finds what in an argument's type would point into the OCaml heap, or is no one type.
struct Argument(Option<Error>);

impl Argument {
    fn refuse(&mut self, ty: impl ToTokens, message: &str) {
        self.0
            .get_or_insert_with(|| Error::new_spanned(ty, message));
    }
}

/// The type, and those that it is written with, as far as they are values of the same kind.
pub fn parts(ty: &Type) -> Vec<&Type> {
    let mut parts = Parts(Vec::new());
    parts.visit_type(ty);
    parts.0
}

struct Parts<'ast>(Vec<&'ast Type>);

impl<'ast> Visit<'ast> for Parts<'ast> {
    fn visit_type(&mut self, ty: &'ast Type) {
        self.0.push(ty);
        visit::visit_type(self, ty);
    }

    fn visit_type_path(&mut self, ty: &'ast syn::TypePath) {
        if !is_callback(ty) {
            visit::visit_type_path(self, ty);
        }
    }

    fn visit_expr(&mut self, _: &'ast syn::Expr) {}
}

/// What a callback takes goes the other way, so it may be borrowed.
fn is_callback(ty: &syn::TypePath) -> bool {
    let last = ty.path.segments.last();
    last.is_some_and(|s| s.ident == "OCamlFunc" || s.ident == "OCamlAsyncFunc")
}

/// Why a result has another error.
pub const RAISES: &str = "ocaml::Error as the error of a result raises an OCaml exception in the \
    middle of Rust code: write #[func(raise)], or give an error of your own";

/// Why an argument is not a reference.
pub const BORROWED: &str = "an argument cannot be a reference: it would point into the OCaml heap, \
    where values move. Take an owned type, such as String";

impl<'ast> Visit<'ast> for Argument {
    fn visit_type_reference(&mut self, ty: &'ast syn::TypeReference) {
        self.refuse(ty, BORROWED);
    }

    fn visit_lifetime(&mut self, lifetime: &'ast syn::Lifetime) {
        if lifetime.ident != "static" {
            self.refuse(
                lifetime,
                "an argument cannot borrow: it would point into the OCaml heap, where values \
                 move. Take a type that owns what it holds",
            );
        }
    }

    fn visit_type_impl_trait(&mut self, ty: &'ast syn::TypeImplTrait) {
        self.refuse(
            ty,
            "name the type of the argument: OCaml calls one function, not one for each type",
        );
    }

    fn visit_type_path(&mut self, ty: &'ast syn::TypePath) {
        let names: Vec<_> = ty.path.segments.iter().map(|s| &s.ident).collect();
        // Another module's `Raw` is another type.
        let raw = match &names[..] {
            [.., module, last] => *last == "Raw" && *module == "ocaml",
            [last] => *last == "Raw",
            [] => false,
        };
        if raw {
            self.refuse(
                ty,
                "an argument cannot be a raw value: values move. Take an ocaml::Value, which is \
                 rooted, or a type that converts",
            );
        }
        if names.first().is_some_and(|first| *first == "Self") {
            self.refuse(ty, IN_IMPL);
        }
        if !is_callback(ty) {
            visit::visit_type_path(self, ty);
        }
    }
}

/// Finds what in a result's type cannot be named.
struct Output(Option<Error>);

impl<'ast> Visit<'ast> for Output {
    fn visit_type_impl_trait(&mut self, ty: &'ast syn::TypeImplTrait) {
        self.0.get_or_insert_with(|| {
            Error::new_spanned(
                ty,
                "name the type of the result: what `impl Trait` hides cannot be converted. For a \
                 future, give its output: the body may `.await`",
            )
        });
    }

    fn visit_type_path(&mut self, ty: &'ast syn::TypePath) {
        if ty.path.segments.first().is_some_and(|s| s.ident == "Self") {
            self.0
                .get_or_insert_with(|| Error::new_spanned(ty, IN_IMPL));
        }
        visit::visit_type_path(self, ty);
    }
}

/// The errors for each `.await` outside of the async blocks of a body.
pub fn awaits(function: &ItemFn) -> Option<Error> {
    let mut awaits = Awaits(Complaints::default());
    awaits.visit_block(&function.block);
    awaits.0.0
}

struct Awaits(Complaints);

impl<'ast> Visit<'ast> for Awaits {
    fn visit_expr_await(&mut self, expr: &'ast syn::ExprAwait) {
        self.0.at(
            expr.await_token,
            "a body with `sync` or `blocking` cannot `.await`: leave the option out, or use \
             #[func(tokio)]",
        );
        visit::visit_expr_await(self, expr);
    }

    fn visit_expr_async(&mut self, _: &'ast syn::ExprAsync) {}

    fn visit_expr_closure(&mut self, expr: &'ast syn::ExprClosure) {
        if expr.asyncness.is_none() {
            visit::visit_expr_closure(self, expr);
        }
    }

    fn visit_item(&mut self, _: &'ast syn::Item) {}
}
