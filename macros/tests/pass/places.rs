//! Modules, bodies, macros and names that exported functions may have.
#![deny(warnings, unreachable_pub)]

use ocaml_lwt_interop::{Promise, RuntimeToken, func};

#[func]
pub fn first() {}

#[func]
pub fn second() {}

mod nested {
    pub(crate) mod deeper {
        use ocaml_lwt_interop::func as export;

        #[export]
        pub fn in_a_nested_module() {}
    }
}

// Only OCaml calls the function, and its module is private.
mod private {
    #[ocaml_lwt_interop::func(sync)]
    pub fn for_ocaml_only() {}
}

#[func]
pub fn r#match(r#type: isize) -> isize {
    r#type
}

macro_rules! exports {
    ($name:ident: $ty:ty) => {
        #[func(sync)]
        pub fn $name(argument: $ty) -> $ty {
            argument
        }
    };
}

exports!(of_a_macro: isize);
exports!(of_a_macro_too: Vec<String>);

macro_rules! types_by_name {
    ($promise:ty, $option:ty, $token:ty) => {
        #[func]
        pub fn promise_of_a_macro(promise: $promise) -> $promise {
            promise
        }

        #[func(sync)]
        pub fn option_of_a_macro(#[ocaml(optional)] a: $option, token: $token, _b: isize) {
            let _ = (a, token);
        }
    };
}

types_by_name!(Promise<isize>, Option<isize>, &RuntimeToken<'_>);

fn main() {
    #[func(sync)]
    pub fn in_a_body() -> bool {
        true
    }
    assert!(in_a_body());
    private::for_ocaml_only();
    assert_eq!(of_a_macro(1), 1);
    let _: fn(Vec<String>) -> Vec<String> = of_a_macro_too;
    let _: fn(Promise<isize>) -> Promise<isize> = promise_of_a_macro;
    let _: fn(Option<isize>, &RuntimeToken<'_>, isize) = option_of_a_macro;
    let _ = (first(), second(), nested::deeper::in_a_nested_module(), r#match(1));
}
