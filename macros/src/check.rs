//! The rules that a function has to satisfy to be exported, and the errors if it does not.

use crate::errors::Errors;
use crate::labels::{self, Label};
use crate::options::{Mode, Options};
use crate::shown::shown;
use crate::stream::{self, Element};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::visit::{self, Visit};
use syn::{
    Attribute, Error, FnArg, GenericArgument, ItemFn, Pat, PathArguments, PathSegment, Result,
    ReturnType, Type, Visibility,
};

/// An argument of an exported function.
pub struct Argument {
    /// Its name, or `""` if it is a pattern.
    pub name: String,
    pub ty: Type,
    pub label: Label,
    /// It is `&RuntimeToken`, which OCaml does not pass.
    pub is_token: bool,
}

/// Returns the arguments. Fails with all errors if the function cannot be exported.
pub fn check(function: &ItemFn, options: &Options) -> Result<Vec<Argument>> {
    let mut errors = Errors::default();
    let sig = &function.sig;
    for attribute in &function.attrs {
        if let Some(message) = attribute_error(attribute) {
            errors.at(attribute, message);
        }
    }
    match &function.vis {
        Visibility::Public(_) => {}
        Visibility::Restricted(vis) => errors.at(
            vis,
            "a function exported to OCaml must be public, since any OCaml code can call it: \
             replace this with `pub`",
        ),
        Visibility::Inherited => errors.at(
            sig.fn_token,
            "a function exported to OCaml must be public, since any OCaml code can call it: add \
             `pub`",
        ),
    }
    if !sig.generics.params.is_empty() {
        errors.at(
            &sig.generics,
            "a function exported to OCaml cannot have type, lifetime or const parameters, since \
             its symbol stands for a single function: use concrete types, with one function for \
             each",
        );
    }
    if let Some(clause) = &sig.generics.where_clause {
        errors.at(
            clause,
            "a function exported to OCaml cannot have a `where` clause, since it has no parameters \
             to constrain: remove the clause",
        );
    }
    if let Some(unsafety) = &sig.unsafety {
        errors.at(
            unsafety,
            "a function exported to OCaml cannot be `unsafe`, since OCaml code cannot satisfy its \
             safety conditions: export a safe function that checks them",
        );
    }
    if let Some(abi) = &sig.abi {
        errors.at(
            abi,
            "a function exported to OCaml cannot choose an ABI, since #[func] generates the C \
             function: remove `extern`",
        );
    }
    if let Some(variadic) = &sig.variadic {
        errors.at(
            variadic,
            "a function exported to OCaml cannot be variadic, since `external` declares a fixed \
             number of arguments: name each argument",
        );
    }
    match options.mode {
        Mode::Sync | Mode::Blocking => {
            if let Some(asyncness) = &sig.asyncness {
                errors.at(
                    asyncness,
                    "a `sync` or `blocking` function cannot be `async`: remove `async`, or the \
                     option",
                );
            } else if let Some(e) = awaits(function) {
                errors.add(e);
            }
        }
        // It has neither `async` nor an `.await`.
        Mode::Promise => {}
        Mode::Async | Mode::Tokio => {
            if let Some(constness) = &sig.constness {
                errors.at(
                    constness,
                    "an asynchronous function cannot be `const`: remove `const`, or write \
                     #[func(sync)]",
                );
            }
        }
    }
    let mut arguments = Vec::new();
    for input in &sig.inputs {
        match input {
            FnArg::Receiver(receiver) => errors.at(
                receiver,
                "a method is exported by its `impl`: write #[func] on the `impl`, and options, such as \
                 #[func(tokio)], on its functions",
            ),
            FnArg::Typed(arg) => {
                if let Some(cfg) = arg.attrs.iter().find(|a| is_conditional(a)) {
                    errors.at(
                        cfg,
                        "an argument cannot be conditional, since `external` declares a fixed \
                         number of arguments: use `cfg` on whole functions",
                    );
                }
                let is_token = is_token(&arg.ty);
                if is_token && options.mode != Mode::Sync {
                    errors.at(
                        &arg.ty,
                        "only a `sync` function can take the token, which is valid within the call: write \
                         #[func(sync)], or call `domain::with_token` in the body",
                    );
                }
                let label = match is_token {
                    true => Label::None,
                    false => labels::label(arg, options.labels, &mut errors),
                };
                let mut argument = ArgumentType(None);
                if !is_token {
                    argument.visit_type(&arg.ty);
                }
                match argument.0 {
                    Some(e) => errors.add(e),
                    None => arguments.push(Argument {
                        name: name(&arg.pat),
                        ty: (*arg.ty).clone(),
                        label,
                        is_token,
                    }),
                }
            }
        }
    }
    let passed = arguments.iter().filter(|arg| !arg.is_token);
    labels::check_order(passed.map(|arg| (&arg.label, &arg.ty)), &mut errors);
    if options.stream.is_some() {
        match stream::result(sig, options) {
            Ok(stream) => {
                if let Element::Written(ty) = &stream.element {
                    errors.add_some(output_error(ty));
                }
            }
            Err(e) => errors.add(e),
        }
    } else if let (ReturnType::Default, Some(raise)) = (&sig.output, options.raise) {
        errors.add(Error::new(
            raise,
            "`raise` turns an `Err` into an exception, so the function must return a `Result`: \
             return one, or remove `raise`",
        ));
    }
    if let (ReturnType::Type(_, ty), None) = (&sig.output, options.stream) {
        errors.add_some(output_error(ty));
    }
    match errors.0 {
        Some(e) => Err(e),
        None => Ok(arguments),
    }
}

/// The argument of the stub of a method that is `self` in the method.
pub const SELF: &str = "ocaml_self";

/// Returns the name of an argument, or `""` if it is a pattern.
fn name(pattern: &Pat) -> String {
    match pattern {
        Pat::Ident(ident) if ident.ident == SELF => "self".to_owned(),
        Pat::Ident(ident) => ident.ident.unraw().to_string(),
        _ => String::new(),
    }
}

/// Returns the last segment of a type that is a path: `Option<T>` of `std::option::Option<T>`.
pub fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match ty {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    }
}

/// Returns `true` for `&RuntimeToken`, with or without lifetimes.
fn is_token(ty: &Type) -> bool {
    match ty {
        Type::Reference(reference) => {
            let last = last_segment(&reference.elem);
            reference.mutability.is_none() && last.is_some_and(|s| s.ident == "RuntimeToken")
        }
        _ => false,
    }
}

fn is_conditional(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg") || attribute.path().is_ident("cfg_attr")
}

/// The error of a function with two attributes `#[func]`.
pub const ONE_FUNC: &str =
    "a function can have only one #[func]: put all options into one, such as #[func(tokio, raise)]";

/// Returns the error message for an attribute that an exported function cannot have.
fn attribute_error(attribute: &Attribute) -> Option<&'static str> {
    // In `#[unsafe(no_mangle)]` the attribute is inside of `unsafe`.
    let inner = if attribute.path().is_ident("unsafe") {
        attribute.parse_args::<syn::Meta>().ok()
    } else {
        None
    };
    let path = inner.as_ref().map_or(attribute.path(), syn::Meta::path);
    if path.is_ident("no_mangle") || path.is_ident("export_name") {
        Some(
            "#[func] already exports the function: remove this attribute, and write #[func(name = \
             \"...\")] if the symbol differs from the function's name",
        )
    } else if path.segments.last().is_some_and(|s| s.ident == "func") {
        Some(ONE_FUNC)
    } else {
        None
    }
}

/// Returns `true` if an exported function can have the attribute.
pub fn is_allowed(attribute: &Attribute) -> bool {
    attribute_error(attribute).is_none()
}

/// The error message for `Self`. The attribute sees no other part of an `impl` block around the
/// function.
const IN_IMPL: &str = "`Self` is not known here: write #[func] on the `impl`, and options, such as #[func(tokio)], on \
     its functions";

/// Finds the first part of an argument's type that would point into the OCaml heap, or that does
/// not name a single type.
struct ArgumentType(Option<Error>);

impl ArgumentType {
    fn reject(&mut self, ty: impl ToTokens, message: &str) {
        self.0
            .get_or_insert_with(|| Error::new_spanned(ty, message));
    }
}

/// Returns `true` for the types of callbacks. Their arguments go from Rust to OCaml, so they may
/// be borrowed.
fn is_callback(ty: &syn::TypePath) -> bool {
    let last = ty.path.segments.last();
    last.is_some_and(|s| s.ident == "OCamlFunc" || s.ident == "OCamlAsyncFunc")
}

/// The error message for an argument that contains a reference.
fn borrowed(reference: &syn::TypeReference) -> String {
    format!(
        "an argument cannot contain a reference, since it would point into the OCaml heap, where values move: take {}",
        owned(&reference.elem)
    )
}

/// Returns what to take instead of a reference to a type.
fn owned(ty: &Type) -> String {
    let name = shown(ty);
    match ty {
        Type::Slice(slice) => format!("a `Vec<{}>`", shown(&slice.elem)),
        Type::TraitObject(_) => format!("an `Opaque<{name}>`"),
        Type::Path(path) => match path.path.segments.last() {
            Some(last) if last.ident == "str" => "a `String`".to_owned(),
            Some(last) if last.ident == "Path" => "a `PathBuf`".to_owned(),
            Some(last) if last.ident == "OsStr" => "an `OsString`".to_owned(),
            Some(last) if last.ident.to_string().starts_with(char::is_uppercase) => {
                format!("`{name}` by value, or `Opaque<{name}>` if `{name}` derives `OpaqueType`")
            }
            _ => format!("`{name}` by value"),
        },
        _ => format!("`{name}` by value"),
    }
}

impl<'ast> Visit<'ast> for ArgumentType {
    fn visit_type_reference(&mut self, ty: &'ast syn::TypeReference) {
        self.reject(ty, &borrowed(ty));
    }

    fn visit_lifetime(&mut self, lifetime: &'ast syn::Lifetime) {
        if lifetime.ident != "static" {
            self.reject(
                lifetime,
                "an argument cannot borrow, since it would point into the OCaml heap, where values \
                 move: take a type that owns its data",
            );
        }
    }

    fn visit_type_impl_trait(&mut self, ty: &'ast syn::TypeImplTrait) {
        self.reject(
            ty,
            "an argument cannot be `impl Trait`, since the symbol stands for a single function: \
             write a concrete type",
        );
    }

    fn visit_type_path(&mut self, ty: &'ast syn::TypePath) {
        if ty.path.segments.first().is_some_and(|s| s.ident == "Self") {
            self.reject(ty, IN_IMPL);
        }
        if !is_callback(ty) {
            visit::visit_type_path(self, ty);
        }
    }
}

/// Returns `true` if the function returns a `Promise`, or with `raise` a `Result` of one: then OCaml gets that promise.
pub fn returns_promise(function: &ItemFn, options: &Options) -> bool {
    fn is_promise(ty: &Type) -> bool {
        last_segment(ty).is_some_and(|s| s.ident == "Promise" && !s.arguments.is_empty())
    }
    let ReturnType::Type(_, ty) = &function.sig.output else {
        return false;
    };
    if !matches!(options.mode, Mode::Async | Mode::Promise) {
        return false;
    }
    match last_segment(ty).map(|s| &s.arguments) {
        Some(PathArguments::AngleBracketed(arguments)) if options.raise.is_some() => {
            matches!(arguments.args.first(), Some(GenericArgument::Type(ty)) if is_promise(ty))
        }
        _ => is_promise(ty),
    }
}

/// Returns an error for the first part of a result's type that the stub cannot name.
fn output_error(ty: &Type) -> Option<Error> {
    let mut output = Output(None);
    output.visit_type(ty);
    output.0
}

/// Finds the first part of a result's type that the stub cannot name.
struct Output(Option<Error>);

impl<'ast> Visit<'ast> for Output {
    fn visit_type_impl_trait(&mut self, ty: &'ast syn::TypeImplTrait) {
        self.0.get_or_insert_with(|| {
            Error::new_spanned(
                ty,
                "a result cannot be `impl Trait`, since the stub has to name the type to convert \
                 it: write a concrete type. For a future, write the type of its output and `.await` it \
                 in the body",
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

/// Returns `true` if the body of the function is asynchronous.
pub fn returns_future(function: &ItemFn) -> bool {
    function.sig.asyncness.is_some() || awaits(function).is_some()
}

/// Returns an error for each `.await` in the body that is outside of its async blocks and async
/// closures.
pub fn awaits(function: &ItemFn) -> Option<Error> {
    let mut awaits = Awaits(Errors::default());
    awaits.visit_block(&function.block);
    awaits.0.0
}

struct Awaits(Errors);

impl<'ast> Visit<'ast> for Awaits {
    fn visit_expr_await(&mut self, expr: &'ast syn::ExprAwait) {
        self.0.at(
            expr.await_token,
            "a `sync` or `blocking` function cannot `.await`: remove the option, or write \
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
