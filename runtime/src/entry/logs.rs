//! The C primitives of the OCaml library `lwt_interop.logs`: see its `lwt_interop_logs.ml`.
//!
//! OCaml alone calls them, with the lock of a domain held, with arguments of the types that it declares. That is the safety
//! contract of each.

use crate::bridge::function::OCamlFunc;
use crate::bridge::logs::{self, Line};
use crate::entry::call::{Arguments, Outcome, call_async, call_sync, same, value};
use crate::ffi::runtime::{self as ffi, RawValue};
use crate::value::exception::Failure;
use crate::value::read::FromOCaml;
use crate::value::types::{Argument, Function, Label, Mode, Type};
use crate::value::write::ToOCaml;

/// The symbol that `ocaml/logs/dune` requires of the linker. Nothing reads it: in a program whose archive lacks the feature, its name
/// is the linker's error.
#[unsafe(export_name = "feature_tracing_of_ocaml_lwt_interop__see_doc_building_md")]
static HAS_FEATURE: u8 = 0;

const fn argument(ty: &'static Type) -> Argument {
    Argument {
        name: "",
        label: Label::None,
        ty,
        rust: "",
    }
}

const INT: Argument = argument(<usize as FromOCaml>::TYPE);

/// Describes a primitive, for errors. It is none of the program's functions, so nothing declares it.
const fn primitive(
    symbol: &'static str,
    arguments: &'static [Argument],
    result: &'static Type,
) -> Function {
    Function {
        symbol,
        owner: "",
        name: symbol,
        rust_name: symbol,
        doc: "",
        module: module_path!(),
        place: (file!(), line!()),
        mode: Mode::Sync,
        raises: true,
        unboxed: false,
        noalloc: false,
        arguments,
        result,
        rust_result: "",
    }
}

/// `install : (int -> string -> string -> unit) -> int -> int -> int`: the function, the capacity, and the level.
#[unsafe(no_mangle)]
unsafe extern "C" fn lwt_interop_logs_install(
    function: RawValue,
    capacity: RawValue,
    level: RawValue,
) -> RawValue {
    static INSTALL: Function = primitive(
        "lwt_interop_logs_install",
        &[argument(<OCamlFunc<Line, ()> as FromOCaml>::TYPE), INT, INT],
        <usize as ToOCaml>::TYPE,
    );
    let body = |args: Arguments<'_, 3>| {
        let (function, capacity, level) = (args.get(0)?, args.get(1)?, args.get(2)?);
        let installed = logs::install(&function, capacity, level);
        Ok(Outcome(installed.map_err(Failure::from_error)))
    };
    // SAFETY: OCaml called, and the frame has nothing to drop. The arguments are converted first.
    unsafe { call_sync(&INSTALL, [function, capacity, level], body) }
}

/// `set_level : int -> unit`
#[unsafe(no_mangle)]
unsafe extern "C" fn lwt_interop_logs_set_level(level: RawValue) -> RawValue {
    static SET_LEVEL: Function =
        primitive("lwt_interop_logs_set_level", &[INT], <() as ToOCaml>::TYPE);
    let body = |args: Arguments<'_, 1>| {
        logs::set_level(args.get(0)?);
        Ok(value(()))
    };
    // SAFETY: OCaml called, and the frame has nothing to drop. The argument is converted first.
    unsafe { call_sync(&SET_LEVEL, [level], body) }
}

/// `stop : int -> unit Lwt.t`: with the result of `install`.
#[unsafe(no_mangle)]
unsafe extern "C" fn lwt_interop_logs_stop(id: RawValue) -> RawValue {
    static STOP: Function = primitive("lwt_interop_logs_stop", &[INT], <() as ToOCaml>::TYPE);
    let start = |args: Arguments<'_, 1>| {
        let stopped = logs::stop(args.get(0)?);
        Ok(async move { Outcome(stopped.await.map_err(|e| Failure::from_error(e.into()))) })
    };
    // SAFETY: OCaml called, and the frame has nothing to drop. The argument is converted first.
    unsafe { call_async(&STOP, [id], start, same) }
}

/// `take_lost : unit -> int`
#[unsafe(no_mangle)]
unsafe extern "C" fn lwt_interop_logs_take_lost(_: RawValue) -> RawValue {
    ffi::int(logs::take_lost() as isize)
}
