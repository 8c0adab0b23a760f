//! Values of OCaml that Rust keeps in a `Rooted` and returns as they are. Rust converts none of them; it names their
//! types, so that OCaml gets them back with these types.

#![expect(dead_code, reason = "only OCaml reads the fields")]

use crate::frame::Command;
use ocaml_lwt_interop::{Bytes, FromOCaml, List};

/// The commands since `MULTI`.
#[derive(FromOCaml)]
pub struct Queue {
    /// The last one first.
    commands: List<Command>,
    /// Their size.
    bytes: isize,
    /// A command was rejected, so none will run.
    failed: bool,
}

/// A reply to a command.
#[derive(FromOCaml)]
pub enum Reply {
    Simple(Bytes),
    Error(Bytes),
    Int(i64),
    Bulk(Bytes),
    Null,
    Array(List<Reply>),
    Map(List<(Reply, Reply)>),
}

/// Replies that are not written yet, each with the version of the protocol.
pub type Pending = List<(isize, List<Reply>)>;
