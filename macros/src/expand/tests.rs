//! Tests of the expansion, parsed as Rust.

use super::func;
use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use std::collections::BTreeMap;
use syn::visit::{self, Visit};
use syn::{File, ItemFn};

fn expand(attr: TokenStream, item: TokenStream) -> File {
    syn::parse2(func(attr, item)).expect("the expansion is Rust")
}

/// Returns the exported symbols, each with the number of its arguments.
fn symbols(file: &File) -> BTreeMap<String, usize> {
    struct Stubs(BTreeMap<String, usize>);
    impl<'ast> Visit<'ast> for Stubs {
        fn visit_item_fn(&mut self, function: &'ast ItemFn) {
            for attribute in &function.attrs {
                if attribute.path().is_ident("unsafe") {
                    let inner: syn::MetaNameValue = attribute.parse_args().unwrap();
                    assert!(inner.path.is_ident("export_name"));
                    let name: syn::LitStr = syn::parse2(inner.value.to_token_stream()).unwrap();
                    assert!(function.sig.abi.is_some(), "a stub has the ABI of C");
                    if !name.value().starts_with("ocaml_lwt_interop.aliases.") {
                        self.0.insert(name.value(), function.sig.inputs.len());
                    }
                }
            }
            visit::visit_item_fn(self, function);
        }
    }
    let mut stubs = Stubs(BTreeMap::new());
    stubs.visit_file(file);
    stubs.0
}

fn first_function(file: &File) -> &ItemFn {
    match &file.items[0] {
        syn::Item::Fn(function) => function,
        _ => panic!("the function comes first"),
    }
}

#[track_caller]
fn assert_symbols(attr: TokenStream, item: TokenStream, expected: &[(&str, usize)]) {
    let found = symbols(&expand(attr, item));
    let expected: BTreeMap<_, _> = expected
        .iter()
        .map(|(n, a)| ((*n).to_owned(), *a))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn without_arguments_the_stub_takes_unit() {
    assert_symbols(
        quote!(),
        quote!(
            pub fn greet() {}
        ),
        &[("greet", 1)],
    );
}

#[test]
fn five_arguments_need_one_stub() {
    assert_symbols(
        quote!(sync),
        quote!(
            pub fn five(a: bool, b: bool, c: bool, d: bool, e: bool) {}
        ),
        &[("five", 5)],
    );
}

#[test]
fn six_arguments_need_a_second_stub_for_bytecode() {
    assert_symbols(
        quote!(sync),
        quote!(
            pub fn six(a: bool, b: bool, c: bool, d: bool, e: bool, f: bool) {}
        ),
        &[("six", 6), ("six_bytecode", 2)],
    );
}

#[test]
fn the_symbol_is_the_given_name() {
    assert_symbols(
        quote!(name = "other"),
        quote!(
            pub fn six(a: bool, b: bool, c: bool, d: bool, e: bool, f: bool) {}
        ),
        &[("other", 6), ("other_bytecode", 2)],
    );
}

#[test]
fn a_raw_identifier_is_exported_without_its_prefix() {
    assert_symbols(
        quote!(),
        quote!(
            pub fn r#match() {}
        ),
        &[("match", 1)],
    );
}

#[test]
fn each_stub_has_a_second_name() {
    let text = func(
        quote!(sync, unboxed),
        quote!(
            pub fn f(a: i32, b: i32, c: i32, d: i32, e: i32, f: i32) -> f64 {}
        ),
    )
    .to_string();
    for name in ["f__s", "f_bytecode__s", "f_unboxed__s"] {
        let labels = [".globl", ".set"].map(|directive| format!("{directive} {name}{{hash}}"));
        assert!(labels.iter().all(|label| text.contains(label)), "{text}");
    }
}

#[test]
fn a_method_is_exported_under_the_names_of_its_type_and_its_own() {
    let file = expand(
        quote!(),
        quote! {
            impl HttpServer {
                pub fn new() -> Self {}
                pub async fn stop(&self, a: u8, b: u8, c: u8, d: u8, e: u8) {}
                #[func(name = "other")]
                pub fn named(&self) {}
                #[func(skip)]
                pub fn skipped(&self) {}
                fn private(&self) {}
            }
        },
    );
    let found: Vec<_> = symbols(&file).into_iter().collect();
    let expected = [
        ("http_server_new", 1),
        ("http_server_stop", 6),
        ("http_server_stop_bytecode", 2),
        ("other", 1),
    ];
    assert_eq!(found, expected.map(|(name, n)| (name.to_owned(), n)));
    let text = file.to_token_stream().to_string();
    for part in [
        r#"owner : "Http_server""#,
        r#"name : "create""#,
        r#"rust_name : "HttpServer::stop""#,
        ":: ocaml_lwt_interop :: Opaque :: new (< HttpServer > :: new ())",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn the_receiver_of_a_method_has_no_label() {
    let file = expand(
        quote!(labels),
        quote! {
            impl Counter {
                pub fn add(&self, by: u8) {}
            }
        },
    );
    let text = file.to_token_stream().to_string();
    let argument = |name: &str| {
        let at = text.find(&format!("name : {name:?}")).expect("an argument");
        text[at..].split('}').next().expect("its end").to_owned()
    };
    assert!(argument("self").contains("Label :: None"), "{text}");
    assert!(argument("by").contains("Label :: Labelled"), "{text}");
}

#[test]
fn a_rejected_function_is_kept_without_a_stub() {
    let file = expand(
        quote!(sync),
        quote!(
            fn private() {}
        ),
    );
    assert!(symbols(&file).is_empty());
    assert_eq!(first_function(&file).sig.ident, "private");
    assert!(matches!(file.items[1], syn::Item::Macro(_)));
}

#[test]
fn the_body_is_async_unless_an_option_says_otherwise() {
    for (attr, is_async) in [
        (quote!(), true),
        (quote!(raise), true),
        (quote!(tokio), true),
        (quote!(sync), false),
        (quote!(blocking), false),
    ] {
        let file = expand(
            attr.clone(),
            quote!(
                pub fn f() {}
            ),
        );
        assert_eq!(
            first_function(&file).sig.asyncness.is_some(),
            is_async,
            "{attr}"
        );
    }
}

#[test]
fn attributes_stay_on_the_function_only() {
    let file = expand(
        quote!(),
        quote! {
            /// Says hello.
            #[must_use]
            #[inline(always)]
            pub fn greet() -> bool { true }
        },
    );
    let is = |attrs: &[syn::Attribute], name| attrs.iter().any(|a| a.path().is_ident(name));
    let text = file.to_token_stream().to_string();
    for (name, attribute) in [
        ("doc", "# [doc"),
        ("must_use", "# [must_use"),
        ("inline", "# [inline (always)"),
    ] {
        assert!(is(&first_function(&file).attrs, name), "{name}");
        assert_eq!(text.matches(attribute).count(), 1, "{attribute} in {text}");
    }
}

#[test]
fn user_code_runs_outside_of_unsafe() {
    struct Unsafe(String);
    impl<'ast> Visit<'ast> for Unsafe {
        fn visit_expr_unsafe(&mut self, block: &'ast syn::ExprUnsafe) {
            self.0 += &block.block.to_token_stream().to_string();
        }
    }
    for attr in [quote!(), quote!(sync), quote!(tokio), quote!(blocking)] {
        let file = expand(
            attr,
            quote!(
                pub fn mine(argument: Type) -> Type {
                    argument
                }
            ),
        );
        let mut found = Unsafe(String::new());
        found.visit_file(&file);
        assert!(found.0.contains("__private"), "{}", found.0);
        assert!(
            !found.0.replace("mine__s{hash}", "").contains("mine") && !found.0.contains("Type"),
            "{}",
            found.0
        );
    }
}

#[test]
fn all_errors_are_reported_at_once() {
    let text = func(
        quote!(),
        quote!(
            unsafe fn generic<T>(&self, x: &str) -> impl Copy {}
        ),
    )
    .to_string();
    assert_eq!(text.matches("compile_error").count(), 6, "{text}");
}

#[test]
fn an_item_that_is_not_rust_is_reported_with_the_parsers_error() {
    let text = func(quote!(), quote!(pub fn half() ->)).to_string();
    assert!(text.contains("#[func] can only be applied to"), "{text}");
    assert!(text.contains("unexpected end of input"), "{text}");
}
