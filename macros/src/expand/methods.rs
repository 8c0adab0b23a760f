//! Expands `#[func] impl Counter { .. }`: the public functions of an opaque type, as an OCaml module.
//!
//! Each becomes a free function that takes an `Opaque<Counter>` where the method takes `&self`, and returns one where it
//! returns `Self`. That function is exported like any other.

use super::{Names, strip_arguments, stubs};
use crate::attributes;
use crate::check::{self, check, last_segment};
use crate::errors::Errors;
use crate::names::snake_case;
use crate::options::{self, Mode, Options};
use crate::shown::shown;
use crate::symbols;
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::visit_mut::{self, VisitMut};
use syn::{
    Attribute, Error, FnArg, GenericArgument, ImplItem, ImplItemFn, ItemFn, ItemImpl, Pat, PatType,
    PathArguments, Receiver, Result, ReturnType, Token, Type, TypeParamBound, Visibility,
};

/// Returns what the attribute expands to: the `impl` and the stubs of its methods, or the `impl` and the errors.
pub fn expand(attr: TokenStream, mut block: ItemImpl) -> TokenStream {
    let mut errors = Errors::default();
    let stubs = errors
        .take(Exporter::new(attr, &block))
        .map(|exporter| exporter.expand(&block, &mut errors));
    for item in &mut block.items {
        if let ImplItem::Fn(method) = item {
            method.attrs.retain(|attribute| !is_func(attribute));
            strip_arguments(&mut method.sig.inputs);
            if matches!(method.vis, Visibility::Public(_)) {
                // As for a free function.
                method.attrs.push(syn::parse_quote!(
                    #[allow(unreachable_pub, clippy::needless_pass_by_value)]
                ));
            }
        }
    }
    let errors = errors.0.map(Error::into_compile_error);
    quote!(#block #stubs #errors)
}

/// Whether it is the attribute of a method.
fn is_func(attribute: &Attribute) -> bool {
    attribute
        .path()
        .segments
        .last()
        .is_some_and(|s| s.ident == "func")
}

/// Exports the methods of a type.
struct Exporter<'a> {
    ty: &'a Type,
    /// The name in Rust: `Counter`, `dyn Store`.
    name: String,
    /// The beginning of the symbols: `counter`.
    prefix: String,
    krate: Option<syn::Path>,
    labels: bool,
}

impl<'a> Exporter<'a> {
    fn new(attr: TokenStream, block: &'a ItemImpl) -> Result<Self> {
        let mut errors = Errors::default();
        let options = errors.take(block_options(attr));
        if let Some((_, path, _)) = &block.trait_ {
            errors.at(
                path,
                "the methods of a trait cannot be exported: write an `impl` of the type, with functions that call them",
            );
        }
        if !block.generics.params.is_empty() {
            errors.at(
                &block.generics,
                "an `impl` exported to OCaml cannot have parameters, since its symbols stand for single functions: \
                 use a struct without parameters",
            );
        }
        let ident = errors.take(type_ident(&block.self_ty));
        match (errors.0, options, ident) {
            (None, Some(options), Some(ident)) => Ok(Exporter {
                ty: &block.self_ty,
                name: shown(&block.self_ty),
                prefix: snake_case(&ident.unraw().to_string()),
                krate: options.krate,
                labels: options.labels,
            }),
            (Some(errors), _, _) => Err(errors),
            (None, _, _) => unreachable!("what is missing is an error"),
        }
    }

    /// Expands the stubs of all methods.
    fn expand(&self, block: &ItemImpl, errors: &mut Errors) -> TokenStream {
        let mut stubs = TokenStream::new();
        let mut exported = 0;
        for item in &block.items {
            let ImplItem::Fn(method) = item else {
                continue;
            };
            match self.method(method) {
                Ok(Some(expanded)) => {
                    exported += 1;
                    stubs.extend(expanded);
                }
                Ok(None) => {}
                Err(error) => {
                    exported += 1;
                    errors.add(error);
                }
            }
        }
        if exported == 0 {
            errors.at(
                &block.self_ty,
                "this `impl` has no `pub fn` to export: make its functions public, or remove #[func]",
            );
        }
        stubs
    }

    /// Expands the stubs of a method, or returns `None` if it is not exported.
    fn method(&self, method: &ImplItemFn) -> Result<Option<TokenStream>> {
        let mut attributes = method.attrs.iter().filter(|attribute| is_func(attribute));
        let attribute = attributes.next();
        if let Some(second) = attributes.next() {
            return Err(Error::new_spanned(second, check::ONE_FUNC));
        }
        let tokens = match attribute.map(|attribute| &attribute.meta) {
            Some(syn::Meta::List(list)) => list.tokens.clone(),
            _ => TokenStream::new(),
        };
        if tokens.to_string() == "skip" {
            return Ok(None);
        }
        if attribute.is_none() && !matches!(method.vis, Visibility::Public(_)) {
            return Ok(None);
        }
        let default = match method.sig.asyncness {
            Some(_) => Mode::Async,
            None => Mode::Sync,
        };
        let mut options = Options::parse(tokens, default)?;
        options.labels |= self.labels;
        if options.krate.is_none() {
            options.krate.clone_from(&self.krate);
        }
        let mut function = self.function(method, &options)?;
        let args = check(&function, &options)?;
        strip_arguments(&mut function.sig.inputs);
        let ident = &method.sig.ident;
        let name = ident.unraw().to_string();
        let names = Names {
            symbol: symbols::symbol(
                options.name.as_ref(),
                format!("{}_{name}", self.prefix),
                ident,
            )?,
            owner: capitalized(&self.prefix),
            rust_name: format!("{}::{name}", self.name),
            // `new` is a keyword of OCaml, where this is the name for it.
            name: match &*name {
                "new" => "create".to_owned(),
                _ => name,
            },
        };
        let stubs = stubs::expand(&function, &options, &args, &names);
        let conditions = method.attrs.iter().filter(|a| a.path().is_ident("cfg"));
        let underscore = Token![_](ident.span());
        Ok(Some(quote_spanned! {ident.span()=>
            #(#conditions)*
            const #underscore: () = {
                #function
                #stubs
            };
        }))
    }

    /// Returns the free function that calls the method.
    fn function(&self, method: &ImplItemFn, options: &Options) -> Result<ItemFn> {
        let ty = self.ty;
        let krate = options::krate(options.krate.as_ref());
        let mut opaque_self = OpaqueSelf { ty, krate: &krate };
        let mut sig = method.sig.clone();
        sig.constness = None;
        let mut inputs: Punctuated<FnArg, Token![,]> = Punctuated::new();
        let mut arguments = Vec::new();
        for (i, input) in sig.inputs.iter().enumerate() {
            match input {
                FnArg::Receiver(receiver) => {
                    let this = Ident::new(check::SELF, Span::mixed_site().located_at(ty.span()));
                    arguments.push(receiver_argument(receiver, &this)?);
                    // OCaml passes it first, and without a label, as functions of other abstract types expect it.
                    inputs.push(syn::parse_quote_spanned! {ty.span()=>
                        #[ocaml(positional)] #this: #krate::Opaque<#ty>
                    });
                }
                FnArg::Typed(argument) => {
                    let mut argument: PatType = argument.clone();
                    let name = match &*argument.pat {
                        Pat::Ident(pattern) => pattern.ident.clone(),
                        pattern => {
                            let at_pattern = Span::mixed_site().located_at(pattern.span());
                            format_ident!("argument_{}", i, span = at_pattern)
                        }
                    };
                    let is_pattern = !matches!(&*argument.pat, Pat::Ident(_));
                    if is_pattern && !argument.attrs.iter().any(attributes::is_ours) {
                        // It has no name that could be its label.
                        argument.attrs.push(syn::parse_quote!(#[ocaml(positional)]));
                    }
                    if let Some(own) = bare_self(&argument.ty) {
                        return Err(Error::new_spanned(
                            own,
                            "another argument of this type is an `Opaque<Self>`: write `Opaque<Self>` here",
                        ));
                    }
                    opaque_self.visit_type_mut(&mut argument.ty);
                    argument.pat = syn::parse_quote!(#name);
                    arguments.push(name.to_token_stream());
                    inputs.push(FnArg::Typed(argument));
                }
            }
        }
        let name = &method.sig.ident;
        let mut call = quote_spanned!(name.span()=> <#ty>::#name(#(#arguments),*));
        if sig.asyncness.is_some() {
            call = quote_spanned!(name.span()=> #call.await);
        }
        if let ReturnType::Type(_, output) = &mut sig.output {
            call = match returned_self(output) {
                Returned::Itself => quote_spanned!(name.span()=> #krate::Opaque::new(#call)),
                Returned::Inside => quote_spanned!(name.span()=> #call.map(#krate::Opaque::new)),
                Returned::Other => match bare_self(output) {
                    None => call,
                    Some(own) => {
                        return Err(Error::new_spanned(
                            own,
                            "only a result that is `Self`, `Option<Self>` or `Result<Self, E>` becomes an \
                             `Opaque<Self>`: write `Opaque<Self>` here",
                        ));
                    }
                },
            };
            opaque_self.visit_type_mut(output);
        }
        if options.mode == Mode::Tokio && options.stream.is_none() {
            sig.asyncness.get_or_insert(Token![async](name.span()));
        }
        sig.ident = Ident::new(
            &format!("ocaml_method_{}", name.unraw()),
            Span::mixed_site().located_at(name.span()),
        );
        sig.inputs = inputs;
        let docs = method.attrs.iter().filter(|a| a.path().is_ident("doc"));
        let rejected = method
            .attrs
            .iter()
            .filter(|a| !check::is_allowed(a) && !is_func(a));
        let vis = &method.vis;
        Ok(syn::parse_quote_spanned! {name.span()=>
            #(#docs)*
            #(#rejected)*
            #[allow(deprecated, unreachable_pub, clippy::all, clippy::pedantic)]
            #vis #sig { #call }
        })
    }
}

/// Parses the options of the `impl`.
fn block_options(attr: TokenStream) -> Result<Options> {
    let options = Options::parse(attr.clone(), Mode::Async)?;
    let is_of_function = options.mode != Mode::Async
        || options.raise.is_some()
        || options.stream.is_some()
        || options.unboxed.is_some()
        || options.name.is_some();
    match is_of_function {
        true => Err(Error::new_spanned(
            attr,
            "an `impl` has the options `labels` and `crate = path`: write the others on its functions, as in \
             #[func(tokio, raise)]",
        )),
        false => Ok(options),
    }
}

/// Returns the name of a type: the last part of its path, or of the path of its trait.
fn type_ident(ty: &Type) -> Result<Ident> {
    let path = match ty {
        Type::Path(path) if path.qself.is_none() => Some(&path.path),
        Type::TraitObject(object) => object.bounds.iter().find_map(|bound| match bound {
            TypeParamBound::Trait(bound) => Some(&bound.path),
            _ => None,
        }),
        _ => None,
    };
    match path.and_then(|path| path.segments.last()) {
        Some(segment) if segment.arguments.is_empty() => Ok(segment.ident.clone()),
        _ => Err(Error::new_spanned(
            ty,
            "an `impl` exported to OCaml is that of a type with a name and without parameters: put the type into a \
             struct",
        )),
    }
}

/// Returns what a method gets as its receiver.
fn receiver_argument(receiver: &Receiver, this: &Ident) -> Result<TokenStream> {
    let error = |message: &str| Err(Error::new_spanned(receiver, message));
    if receiver.colon_token.is_some() {
        return match last_segment(&receiver.ty).is_some_and(|s| s.ident == "Arc") {
            true => Ok(quote_spanned!(receiver.span()=> #this.into_arc())),
            false => error("a method exported to OCaml takes `&self` or `self: Arc<Self>`"),
        };
    }
    match (&receiver.reference, &receiver.mutability) {
        (Some(_), None) => Ok(quote_spanned!(receiver.span()=> ::core::ops::Deref::deref(&#this))),
        (Some(_), Some(_)) => error(
            "a method exported to OCaml cannot take `&mut self`, since OCaml code shares the value, also between \
             domains: take `&self`, and change what is in a `Mutex`, a `RwLock` or an atomic",
        ),
        (None, _) => error(
            "a method exported to OCaml cannot take `self` by value, since OCaml code keeps the value: take `&self`, \
             or `self: Arc<Self>`",
        ),
    }
}

/// Where a result has `Self`.
enum Returned {
    /// It is `Self`.
    Itself,
    /// It is a `Result<Self, _>` or an `Option<Self>`.
    Inside,
    /// Nowhere, or where it cannot be replaced.
    Other,
}

fn is_self(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.is_ident("Self"))
}

fn returned_self(ty: &Type) -> Returned {
    if is_self(ty) {
        return Returned::Itself;
    }
    let Some(segment) = last_segment(ty) else {
        return Returned::Other;
    };
    let first = match &segment.arguments {
        PathArguments::AngleBracketed(arguments) => arguments.args.first(),
        _ => None,
    };
    match first {
        Some(GenericArgument::Type(ty))
            if is_self(ty) && (segment.ident == "Result" || segment.ident == "Option") =>
        {
            Returned::Inside
        }
        _ => Returned::Other,
    }
}

/// Returns the first `Self` in a type that is not in an `Opaque`.
fn bare_self(ty: &Type) -> Option<Type> {
    struct Bare(Option<Type>);
    impl<'ast> Visit<'ast> for Bare {
        fn visit_type(&mut self, ty: &'ast Type) {
            if is_self(ty) {
                self.0.get_or_insert_with(|| ty.clone());
            } else {
                visit::visit_type(self, ty);
            }
        }

        fn visit_path_segment(&mut self, segment: &'ast syn::PathSegment) {
            if segment.ident != "Opaque" {
                visit::visit_path_segment(self, segment);
            }
        }
    }
    let mut bare = Bare(None);
    bare.visit_type(ty);
    bare.0
}

/// Replaces `Self` by `Opaque<Counter>`, and `Opaque<Self>` by the same.
struct OpaqueSelf<'a> {
    ty: &'a Type,
    krate: &'a TokenStream,
}

impl VisitMut for OpaqueSelf<'_> {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        let (own, krate) = (self.ty, self.krate);
        if is_self(ty) {
            *ty = syn::parse_quote_spanned!(ty.span()=> #krate::Opaque<#own>);
            return;
        }
        if let Type::Path(path) = ty {
            if let Some(segment) = path.path.segments.last_mut() {
                if let (true, PathArguments::AngleBracketed(arguments)) =
                    (segment.ident == "Opaque", &mut segment.arguments)
                {
                    for argument in &mut arguments.args {
                        match argument {
                            GenericArgument::Type(ty) if is_self(ty) => *ty = own.clone(),
                            _ => {}
                        }
                    }
                    return;
                }
            }
        }
        visit_mut::visit_type_mut(self, ty);
    }
}

/// `http_server` as `Http_server`.
fn capitalized(name: &str) -> String {
    let mut chars = name.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}
