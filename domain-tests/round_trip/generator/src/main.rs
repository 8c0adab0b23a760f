//! `round-trip ARCHIVE MODULE`: writes an OCaml test for each function of a Rust module that returns its argument.
//!
//! A test is the function and an `Arbitrary.t`, which generates, prints and compares values of its type. Both come from
//! the descriptors of the archive.

mod arbitrary;
mod rust_type;

use arbitrary::Arbitraries;
use ocaml_lwt_bindgen::archive;
use ocaml_lwt_bindgen::model::{Exports, Function, Type};
use rust_type::RustType;
use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [archive, module] = &arguments[..] else {
        return Err("usage: round-trip ARCHIVE MODULE".into());
    };
    print!("{}", program(&archive::read(Path::new(archive))?, module));
    Ok(())
}

/// Returns the OCaml module.
fn program(exports: &Exports, module: &str) -> String {
    let mut arbitraries = Arbitraries::new(exports);
    let mut tests = String::new();
    let mut others = String::new();
    let functions = exports.functions.iter().filter(|f| f.module == module);
    for function in functions {
        match test(function, &mut arbitraries) {
            Some(test) => tests += &format!("    {test};\n"),
            None => others += &format!("{:?}; ", function.name),
        }
    }
    format!(
        "open Arbitrary\nopen Lwt.Syntax\n\n{}\nlet tests =\n  [\n{tests}  ]\n\n\
         (* The functions that do not return their argument. *)\nlet others = [ {others}]\n",
        arbitraries.definitions()
    )
}

/// Returns the test of a function, or `None` if it does not return its argument.
fn test<'a>(function: &'a Function, arbitraries: &mut Arbitraries<'a>) -> Option<String> {
    let [argument] = &function.arguments[..] else {
        return None;
    };
    let rust = RustType::parse(&argument.rust);
    let call = format!("Rust.{}", function.name);
    let (arbitrary, call) = match (&argument.ty, &function.result) {
        // The promise returns, whose value is compared.
        (Type::Promise(value), result) if argument.ty == *result => {
            let value = arbitraries.of(value, rust.argument(0));
            (value, format!("(fun v -> {call} (fulfilled_later v))"))
        }
        // The function returns. It is called, and its arguments and its result are compared.
        (Type::Function(parameters, returned), result) => {
            let is_promise = matches!(result, Type::Promise(ty) if **ty == argument.ty);
            if !is_promise && argument.ty != *result {
                return None;
            }
            through(arbitraries, &call, parameters, returned, is_promise)
        }
        // The stream returns, whose elements are compared.
        (Type::Stream(element), result) if argument.ty == *result => {
            let element = arbitraries.of(element, rust.argument(0));
            let call = format!("(fun v -> Lwt_interop.Stream.(to_list ({call} (of_list v))))");
            (format!("(list {element})"), call)
        }
        (Type::Promise(_) | Type::Channel(_) | Type::Stream(_), _) => return None,
        (ty, Type::Promise(result)) if *ty == **result => (arbitraries.of(ty, &rust), call),
        (ty, result) if ty == result => {
            let arbitrary = arbitraries.of(ty, &rust);
            (arbitrary, format!("(fun v -> Lwt.return ({call} v))"))
        }
        _ => return None,
    };
    Some(format!("Test ({:?}, {arbitrary}, {call})", function.name))
}

/// Returns the arguments and the result of a function that makes the round trip, and a call of it.
fn through<'a>(
    arbitraries: &mut Arbitraries<'a>,
    call: &str,
    parameters: &'a [Type],
    returned: &'a Type,
    is_later: bool,
) -> (String, String) {
    let names: Vec<_> = (0..parameters.len()).map(|i| format!("a{i}")).collect();
    let (tuple, applied) = (names.join(", "), names.join(" "));
    let any = RustType::default();
    let (result, wrap, open) = match returned {
        Type::Promise(ty) => (&**ty, "fulfilled_later", "let* r ="),
        ty => (ty, "Fun.id", "let r ="),
    };
    let arguments = arbitraries.tuple(parameters, &any);
    let result = arbitraries.of(result, &any);
    let back = if is_later { "let* f =" } else { "let f =" };
    let call = format!(
        "(fun (({tuple}), result) ->\n      let received = ref None in\n      \
         {back} {call} (fun {applied} -> received := Some ({tuple}); {wrap} result) in\n      \
         {open} f {applied} in\n      Lwt.return (Option.get !received, r))"
    );
    (format!("(pair {arguments} {result})"), call)
}
