//! The OCaml runtime: what is unsafe to call, and the token that proves that it may be.

pub(crate) mod batch;
pub(crate) mod callbacks;
pub(crate) mod converted;
pub(crate) mod custom;
pub(crate) mod hooks;
pub(crate) mod runtime;
pub(crate) mod token;
