//! Types that an argument or a result cannot have.

use ocaml_lwt_interop::func;

#[func]
pub fn takes_impl(_value: impl Copy) {}

#[func]
pub fn takes_impl_inside(_value: Vec<impl Copy>) {}

#[func]
pub fn gives_impl() -> impl Copy {
    1
}

#[func]
pub fn gives_a_future() -> impl Future<Output = ()> {
    async {}
}

#[func]
pub fn takes_a_reference(_name: &str) {}

#[func(sync)]
pub fn takes_references(_names: Vec<&'static str>, _pair: (bool, &mut [u8])) {}

#[func]
pub fn takes_a_value(_value: ocaml::Value) {}

#[func]
pub fn takes_the_token(_token: &ocaml_lwt_interop::RuntimeToken<'_>) {}

#[func(sync)]
pub fn takes_it_sometimes(#[cfg(any())] _name: String) {}

#[func(sync)]
pub fn takes_a_reference_to_a_type(_counter: &Counter) {}

pub struct Counter;

fn main() {}
