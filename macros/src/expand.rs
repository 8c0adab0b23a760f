//! From a function to the function and its stubs.

use crate::check::{self, check};
use crate::options::{Mode, Options};
use crate::symbols;
use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, Item, ItemFn, ReturnType, Type};

/// What the attribute becomes: the function and its stubs, or errors.
pub fn func(attr: TokenStream, item: TokenStream) -> TokenStream {
    let function = match parse(item) {
        Ok(function) => function,
        Err(errors) => return errors,
    };
    let options = Options::parse(attr);
    let mode = options.as_ref().map_or(Mode::Async, |o| o.mode);
    let stubs = options.and_then(|options| {
        let args = check(&function, &options)?;
        let symbol = match &options.name {
            Some(literal) => symbols::check_literal(literal)?,
            None => symbols::check_ident(&function.sig.ident)?,
        };
        Ok(stubs(&function, &options, &args, &symbol))
    });
    match stubs {
        Ok(stubs) => {
            let exported = exported(function, mode);
            quote!(#exported #stubs)
        }
        Err(e) => {
            let errors = e.to_compile_error();
            let remains = remains(function, mode);
            quote!(#remains #errors)
        }
    }
}

/// The function, or errors and what else the item is.
fn parse(item: TokenStream) -> std::result::Result<ItemFn, TokenStream> {
    const WHERE: &str = "#[func] goes on a `pub fn` or `pub async fn` with a body";
    syn::parse2(item.clone()).map_err(|e| match syn::parse2::<Item>(item.clone()) {
        Ok(_) => {
            let error = Error::new_spanned(&item, WHERE).to_compile_error();
            quote!(#item #error)
        }
        Err(_) => Error::new(e.span(), format!("{WHERE}: {e}")).to_compile_error(),
    })
}

/// What stays of a function that is refused, so that neither it nor its callers get errors beyond
/// ours.
fn remains(mut function: ItemFn, mode: Mode) -> ItemFn {
    let mode = if check::awaits(&function).is_some() {
        Mode::Async
    } else {
        mode
    };
    function.attrs.retain(check::is_kept);
    function.sig.variadic = None;
    exported(function, mode)
}

/// The function as Rust code gets to call it.
fn exported(mut function: ItemFn, mode: Mode) -> ItemFn {
    let sig = &mut function.sig;
    // OCaml needs it public and its arguments owned, whatever the module and the body do.
    function.attrs.push(syn::parse_quote!(
        #[allow(unreachable_pub, clippy::needless_pass_by_value)]
    ));
    if matches!(mode, Mode::Async | Mode::Tokio)
        && sig.asyncness.is_none()
        && sig.constness.is_none()
    {
        sig.asyncness = Some(syn::Token![async](sig.fn_token.span));
        // An explicit `-> ()` is how the documentation writes it, and a body that has nothing
        // to await yet is no mistake.
        function.attrs.push(syn::parse_quote!(
            #[allow(clippy::unused_unit, clippy::unused_async)]
        ));
    }
    function
}

/// An identifier of ours that the user's code cannot see, nor be confused by: locals are
/// hygienic, items are in a scope of their own and have names that nobody chooses.
fn ours(name: &str, at: Span) -> Ident {
    Ident::new(name, Span::mixed_site().located_at(at))
}

fn stubs(function: &ItemFn, options: &Options, args: &[Type], symbol: &str) -> TokenStream {
    let name = &function.sig.ident;
    let at_name = Span::call_site().located_at(name.span());
    let private = quote_spanned!(at_name=> ::ocaml_lwt_interop::__private);

    // A function without arguments takes OCaml's `()`.
    let arity = args.len().max(1);
    let raw: Vec<_> = (0..arity)
        .map(|i| ours(&format!("ocaml_raw_{i}"), name.span()))
        .collect();
    let values: Vec<_> = (0..arity)
        .map(|i| ours(&format!("ocaml_value_{i}"), name.span()))
        .collect();
    let ocaml_values = &values[..args.len()];
    let pattern = if args.is_empty() {
        quote!(_)
    } else {
        quote!([#(#values),*])
    };
    let converted = ocaml_values.iter().zip(args).map(|(value, ty)| {
        // Errors about the type point at it.
        let at_type = Span::call_site().located_at(ty.span());
        quote_spanned!(at_type=> <#ty as ::ocaml_lwt_interop::__private::FromValue>::from_value(#value))
    });
    // What `check` cannot see, such as an alias of a reference's type, the compiler can.
    let refused = |ty: &Type, constant: &str, why: &str| {
        let at_type = Span::call_site().located_at(ty.span());
        let constant = Ident::new(constant, at_type);
        quote_spanned! {at_type=>
            const _: () = {
                #[allow(unused_imports)]
                use ::ocaml_lwt_interop::__private::MayBorrow as _;
                ::core::assert!(!::ocaml_lwt_interop::__private::Probe::<#ty>::#constant, #why)
            };
        }
    };
    let arguments_parts = args.iter().flat_map(check::parts);
    let mut refusals: Vec<_> = arguments_parts
        .map(|ty| refused(ty, "BORROWS", check::BORROWED))
        .collect();
    let output = match &function.sig.output {
        ReturnType::Type(_, ty) if options.raise.is_none() => {
            let parts = check::parts(ty).into_iter();
            refusals.extend(parts.map(|ty| refused(ty, "RAISES", check::RAISES)));
            quote!(#ty)
        }
        _ => quote!(()),
    };
    let checked = ours("OCAML_CHECKED", name.span());
    let call = quote_spanned!(at_name=> #name(#(#ocaml_values),*));

    // Errors about the result point at its type.
    let at_result = match &function.sig.output {
        ReturnType::Default => at_name,
        ReturnType::Type(_, ty) => Span::call_site().located_at(ty.span()),
    };
    let outcome = match &function.sig.output {
        ReturnType::Type(_, ty) if options.raise.is_some() => {
            // With the type, a result that is no `Result` is told as that.
            let result = ours("ocaml_result", ty.span());
            quote_spanned!(at_result=> |#result: #ty| ::ocaml_lwt_interop::__private::raise(#result))
        }
        _ => quote_spanned!(at_result=> ::ocaml_lwt_interop::__private::value),
    };
    let start = ours("ocaml_start", name.span());
    let (runner, body, outcome) = match options.mode {
        Mode::Async => (
            quote_spanned!(at_name=> #private::call_async),
            call,
            Some(outcome),
        ),
        Mode::Tokio => (
            quote_spanned!(at_name=> #private::call_tokio),
            call,
            Some(outcome),
        ),
        Mode::Sync => (
            quote_spanned!(at_result=> ::ocaml_lwt_interop::__private::call_sync),
            quote_spanned!(at_result=> (#outcome)(#call)),
            None,
        ),
        Mode::Blocking => (
            quote_spanned!(at_name=> #private::call_blocking),
            quote_spanned!(at_name=> move || #call),
            Some(outcome),
        ),
    };

    // All in one place, or an error about a part is told of all that lies between.
    let at_run = if options.mode == Mode::Sync {
        at_result
    } else {
        at_name
    };
    let passed = |ours: &Ident| Ident::new(&ours.to_string(), ours.span().located_at(at_run));
    let (raw_passed, start_passed) = (raw.iter().map(passed), passed(&start));
    let run = quote_spanned!(at_run=> #runner([#(#raw_passed),*], #start_passed, #outcome));

    let stub = ours("ocaml_lwt_interop_stub", name.span());
    let native = quote_spanned! {at_name=>
        #[unsafe(export_name = #symbol)]
        extern "C" fn #stub(#(#raw: #private::RawValue),*) -> #private::RawValue {
            #(#refusals)*
            static #checked: #private::Checked = #private::Checked::new();
            // Outside of the `unsafe` block, since it runs the user's code. It captures nothing,
            // so that an exception that leaves the frame finds nothing to drop.
            let #start = |#pattern: [#private::Value; #arity]| {
                #checked.check::<(#(#args,)*), #output>();
                #(let #ocaml_values = #converted;)*
                #body
            };
            // SAFETY: only OCaml can call this stub, and does so with the lock held and valid
            // arguments. This is the last thing that it does.
            unsafe { #run }
        }
    };
    let bytecode = (arity > 5).then(|| {
        let symbol = format!("{symbol}_bytecode");
        let bytecode_stub = ours("ocaml_lwt_interop_stub_bytecode", name.span());
        let argv = ours("ocaml_argv", name.span());
        let indices = 0..arity;
        quote_spanned! {at_name=>
            #[unsafe(export_name = #symbol)]
            extern "C" fn #bytecode_stub(
                #argv: *const #private::RawValue,
                _: ::core::ffi::c_int,
            ) -> #private::RawValue {
                // SAFETY: only OCaml's bytecode interpreter can call this stub, with as many
                // arguments as the function takes.
                #stub(#(unsafe { *#argv.add(#indices) }),*)
            }
        }
    });
    let arguments = ours("OCamlLwtInteropArguments", name.span());
    let underscore = syn::Token![_](at_name);
    quote_spanned! {at_name=>
        // In an `impl`, where this attribute cannot tell that it is, the compiler refuses a block
        // like this with the advice to move it out, before it gets to what follows.
        unsafe extern "C" {}
        // Warnings about the function are for those who call it by choice.
        #[allow(deprecated)]
        const #underscore: () = {
            // In a field, a lifetime that is left out is an error. In the function's signature it
            // would be for the stub to choose, and so be `'static` for a borrow of OCaml's heap.
            #[allow(dead_code)]
            struct #arguments(#(#args),*);
            #native
            #bytecode
        };
    }
}

#[cfg(test)]
mod tests;
