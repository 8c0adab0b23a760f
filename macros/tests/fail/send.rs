//! Futures, arguments and results that move to another thread must be `Send`.

use ocaml_lwt_interop::func;
use std::rc::Rc;

#[func(tokio)]
pub fn keeps_an_rc() -> ocaml::Int {
    let shared = Rc::new(1);
    futures_lite::future::yield_now().await;
    *shared
}

#[derive(ocaml::FromValue, ocaml::ToValue)]
pub struct Local {
    pub shared: Shared,
}

pub struct Shared(Rc<bool>);

unsafe impl ocaml::FromValue for Shared {
    fn from_value(value: ocaml::Value) -> Self {
        Shared(Rc::new(bool::from_value(value)))
    }
}

unsafe impl ocaml::ToValue for Shared {
    fn to_value(&self, rt: &ocaml::Runtime) -> ocaml::Value {
        self.0.to_value(rt)
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
