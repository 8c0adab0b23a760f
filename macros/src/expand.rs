//! Expands `#[func]`: from a function to the function and its stubs.

mod methods;
mod stubs;

use crate::attributes;
use crate::check::{self, check};
use crate::options::{Mode, Options};
use crate::{symbols, ungroup};
use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::{Error, FnArg, Item, ItemFn, ItemImpl};

/// The names of an exported function.
struct Names {
    symbol: String,
    /// The OCaml module that has it, or `""`.
    owner: String,
    /// In OCaml.
    name: String,
    /// In Rust.
    rust_name: String,
}

/// Returns what the attribute expands to: the function and its stubs, or the function and the
/// errors; or the same of all methods of an `impl`.
pub fn func(attr: TokenStream, item: TokenStream) -> TokenStream {
    match syn::parse2::<ItemFn>(item.clone()) {
        Ok(mut function) => {
            ungroup::function(&mut function);
            function_of(attr, function)
        }
        Err(error) => match syn::parse2::<ItemImpl>(item.clone()) {
            Ok(mut block) => {
                ungroup::block(&mut block);
                methods::expand(attr, block)
            }
            Err(_) => rejected_item(item, &error),
        },
    }
}

fn function_of(attr: TokenStream, function: ItemFn) -> TokenStream {
    let mut options = Options::parse(attr, Mode::Async);
    if let Ok(options) = &mut options {
        let is_plain = function.sig.asyncness.is_none() && check::awaits(&function).is_none();
        if is_plain && check::returns_promise(&function, options) {
            options.mode = Mode::Promise;
        }
    }
    let mode = options.as_ref().map_or(Mode::Async, |o| o.mode);
    let is_plain_stream =
        options.as_ref().is_ok_and(|o| o.stream.is_some()) && !check::returns_future(&function);
    let stubs = options.and_then(|options| {
        let args = check(&function, &options)?;
        let name = function.sig.ident.unraw().to_string();
        let names = Names {
            symbol: symbols::symbol(options.name.as_ref(), name.clone(), &function.sig.ident)?,
            owner: String::new(),
            name: name.clone(),
            rust_name: name,
        };
        Ok(stubs::expand(&function, &options, &args, &names))
    });
    match stubs {
        Ok(stubs) => {
            let exported = expand_function(function, mode, !is_plain_stream);
            quote!(#exported #stubs)
        }
        Err(e) => {
            let errors = e.to_compile_error();
            let rejected = expand_rejected_function(function, mode, !is_plain_stream);
            quote!(#rejected #errors)
        }
    }
}

/// Returns an error, and the item if it is another one than a function.
fn rejected_item(item: TokenStream, error: &Error) -> TokenStream {
    const WHERE: &str = "#[func] can only be applied to a `pub fn` or `pub async fn` with a body, and to an `impl` block";
    match syn::parse2::<Item>(item.clone()) {
        Ok(_) => {
            let error = Error::new_spanned(&item, WHERE).to_compile_error();
            quote!(#item #error)
        }
        Err(_) => Error::new(error.span(), format!("{WHERE}: {error}")).to_compile_error(),
    }
}

/// Removes the attributes of arguments that are for `#[func]`.
fn strip_arguments<'a>(inputs: impl IntoIterator<Item = &'a mut FnArg>) {
    for input in inputs {
        if let FnArg::Typed(argument) = input {
            argument
                .attrs
                .retain(|attribute| !attributes::is_ours(attribute));
        }
    }
}

/// Expands a function that has errors, without what they are about, so that neither it nor its
/// callers cause further errors.
fn expand_rejected_function(mut function: ItemFn, mode: Mode, is_future: bool) -> ItemFn {
    let mode = if check::awaits(&function).is_some() {
        Mode::Async
    } else {
        mode
    };
    function.attrs.retain(check::is_allowed);
    function.sig.variadic = None;
    expand_function(function, mode, is_future)
}

/// Expands the function that Rust code can call: `async` unless the mode is synchronous, or the function returns a stream and
/// no future of one.
fn expand_function(mut function: ItemFn, mode: Mode, is_future: bool) -> ItemFn {
    let sig = &mut function.sig;
    strip_arguments(&mut sig.inputs);
    // Exporting requires `pub` and owned arguments, even if the module is private or the body
    // only reads an argument.
    function.attrs.push(syn::parse_quote!(
        #[allow(unreachable_pub, clippy::needless_pass_by_value)]
    ));
    if is_future
        && matches!(mode, Mode::Async | Mode::Tokio)
        && sig.asyncness.is_none()
        && sig.constness.is_none()
    {
        sig.asyncness = Some(syn::Token![async](sig.fn_token.span));
        // The documentation's first example has an explicit `-> ()`, and a body may be
        // asynchronous without an `.await`.
        function.attrs.push(syn::parse_quote!(
            #[allow(clippy::unused_unit, clippy::unused_async)]
        ));
    }
    function
}

#[cfg(test)]
mod tests;
