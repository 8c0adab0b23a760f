//! Futures, arguments and results that move to another thread must be `Send`.

use ocaml_lwt_interop::convert::types::Type;
use ocaml_lwt_interop::convert::{ConversionError, Source, Writer};
use ocaml_lwt_interop::{FromOCaml, ToOCaml, func};
use std::rc::Rc;

#[func(tokio)]
pub fn keeps_an_rc() -> isize {
    let shared = Rc::new(1);
    futures_lite::future::yield_now().await;
    *shared
}

#[derive(FromOCaml, ToOCaml)]
pub struct Local {
    pub shared: Shared,
}

pub struct Shared(Rc<bool>);

unsafe impl FromOCaml for Shared {
    const TYPE: &'static Type = &Type::Bool;

    fn from_ocaml(value: Source<'_>) -> Result<Self, ConversionError> {
        Ok(Shared(Rc::new(bool::from_ocaml(value)?)))
    }
}

unsafe impl ToOCaml for Shared {
    const TYPE: &'static Type = &Type::Bool;

    fn to_ocaml<W: Writer>(&self, writer: &mut W) -> Result<W::Value, ConversionError> {
        (*self.0).to_ocaml(writer)
    }
}

#[func(tokio)]
pub fn gives_an_rc() -> Local {
    Local { shared: Shared(Rc::new(true)) }
}

#[func(blocking)]
pub fn gives_an_rc_from_the_pool() -> Local {
    Local { shared: Shared(Rc::new(true)) }
}

#[func(tokio)]
pub fn takes_an_rc(_local: Local) {}

#[func(blocking)]
pub fn takes_an_rc_to_the_pool(_local: Local) {}

fn main() {}
