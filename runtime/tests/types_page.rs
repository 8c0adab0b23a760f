//! The tables of `doc/types.md` say which OCaml type each Rust type is. Here the types say it themselves.

#![allow(missing_docs)]

use ocaml_lwt_interop::convert::types::Type;
use ocaml_lwt_interop::{
    Any, Bigarray, Bytes, Channel, Char, Domain, FromOCaml, List, Nativeint, OCamlAsyncFunc,
    OCamlException, OCamlFunc, OCamlStream, Opaque, OpaqueType, Promise, RemoteStream, Rooted,
    ToOCaml, Unchecked,
};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, LinkedList};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

const PAGE: &str = include_str!("../../doc/types.md");

/// Types that stand for any, with their names in OCaml: `t`, `e`, ...
macro_rules! any {
    ($($name:ident)+) => {$(
        #[derive(FromOCaml, ToOCaml, PartialEq, Eq, PartialOrd, Ord, Hash)]
        struct $name(u32);
    )+};
}
any!(E A B K V R);

#[derive(FromOCaml, ToOCaml, OpaqueType, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct T(u32);

const N: usize = 3;

/// A Rust type as the page writes it, what it is from OCaml, and what it is to OCaml.
type Row = (&'static str, Option<&'static Type>, Option<&'static Type>);

macro_rules! both {
    ($($name:literal $t:ty),+ $(,)?) => {
        [$(($name, Some(<$t as FromOCaml>::TYPE), Some(<$t as ToOCaml>::TYPE))),+]
    };
}

macro_rules! only_from {
    ($($name:literal $t:ty),+ $(,)?) => {
        [$(($name, Some(<$t as FromOCaml>::TYPE), None)),+]
    };
}

macro_rules! only_to {
    ($($name:literal $t:ty),+ $(,)?) => {
        [$(($name, None, Some(<$t as ToOCaml>::TYPE))),+]
    };
}

fn rows() -> Vec<Row> {
    let numbers = both!(
        "i8" i8, "i16" i16, "u8" u8, "u16" u16, "u32" u32, "isize" isize, "usize" usize, "i32" i32, "i64" i64,
        "u64" u64, "Nativeint" Nativeint, "f64" f64, "f32" f32, "bool" bool, "Char" Char, "char" char, "()" (),
        "Duration" Duration, "SystemTime" SystemTime,
    );
    let texts = both!(
        "String" String, "Box<str>" Box<str>, "Arc<str>" Arc<str>, "Bytes" Bytes, "bytes::Bytes" bytes::Bytes,
        "PathBuf" PathBuf, "OsString" OsString, "Vec<u8>" Vec<u8>, "Box<[u8]>" Box<[u8]>, "[u8; N]" [u8; N],
    );
    let structures = both!(
        "Option<T>" Option<T>, "Result<T, E>" Result<T, E>, "(A, B)" (A, B), "Vec<T>" Vec<T>, "Box<[T]>" Box<[T]>,
        "[T; N]" [T; N], "List<T>" List<T>, "LinkedList<T>" LinkedList<T>, "BTreeMap<K, V>" BTreeMap<K, V>,
        "HashMap<K, V>" HashMap<K, V>, "BTreeSet<T>" BTreeSet<T>, "HashSet<T>" HashSet<T>, "Box<T>" Box<T>,
    );
    let kept = both!(
        "Rooted<T>" Rooted<T>, "Opaque<T>" Opaque<T>, "Bigarray<f64>" Bigarray<f64>, "Promise<T>" Promise<T>,
        "OCamlFunc<(A, B), R>" OCamlFunc<(A, B), R>, "OCamlAsyncFunc<(A, B), R>" OCamlAsyncFunc<(A, B), R>,
        "Rooted<Any>" Rooted<Any>, "Unchecked<T>" Unchecked<T>, "Channel<T>" Channel<T>,
    );
    let from = only_from!("Domain" Domain, "OCamlStream<T>" OCamlStream<T>, "RemoteStream<T>" RemoteStream<T>);
    let to = only_to!(
        "str" str, "Cow<str>" Cow<'static, str>, "Path" Path, "OsStr" OsStr, "[u8]" [u8], "[T]" [T], "&T" &'static T,
        "OCamlException" OCamlException,
    );
    let all = [&numbers[..], &texts, &structures, &kept, &from, &to];
    all.concat()
}

/// Returns what a cell has in backticks.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// Returns the Rust types of the tables of the section `Every type`, each with the cell beside it and whether the
/// page says that it does not convert to Rust, or to OCaml.
fn documented() -> Vec<(&'static str, &'static str, [bool; 2])> {
    let section = PAGE.split("\n## Every type\n").nth(1).expect("the section");
    let section = section
        .split("\n### Your own types\n")
        .next()
        .expect("its end");
    let mut all = Vec::new();
    for line in section.lines() {
        let cells: Vec<_> = line
            .split(" | ")
            .map(|cell| cell.trim_matches(['|', ' ']))
            .collect();
        let [rust, ocaml, from, to] = cells[..] else {
            continue;
        };
        let converts = [from, to].map(|cell| !cell.contains("not convert"));
        all.extend(quoted(rust).into_iter().map(|ty| (ty, ocaml, converts)));
    }
    all
}

#[test]
fn each_type_of_the_page_is_what_the_page_says() {
    let rows = rows();
    let documented = documented();
    for (ty, ocaml, converts) in &documented {
        let Some((_, from, to)) = rows.iter().find(|(name, ..)| name == ty) else {
            panic!("`{ty}` is on the page, and not here");
        };
        assert_eq!(
            [from.is_some(), to.is_some()],
            *converts,
            "whether `{ty}` converts"
        );
        let shown = match *ocaml {
            "any type" => "Obj.t",
            // What `T` is called.
            "an abstract type" => "t",
            ocaml => quoted(ocaml)[0],
        };
        for found in [from, to].into_iter().flatten() {
            assert_eq!(found.to_string(), shown, "`{ty}`");
        }
    }
    for (name, ..) in rows {
        let is_there = documented.iter().any(|(ty, ..)| *ty == name);
        assert!(is_there, "`{name}` is missing on the page");
    }
}

/// Every type of the page is an argument or a result of a function in `domain-tests/src/echoes.rs`, whose tests are
/// generated.
#[test]
fn each_type_of_the_page_makes_the_round_trip() {
    let echoes = include_str!("../../domain-tests/src/echoes.rs");
    for (ty, ..) in documented() {
        let part = match ty {
            "(A, B)" => ": (i8, String)",
            "[T; N]" => "; 3]",
            "[u8; N]" => "; 5]",
            "[T]" => "-> &'static [Int]",
            "Box<[T]>" => "Box<[u32]>",
            "Box<T>" => "Box<(Option",
            "Cow<str>" => "Cow<'static, str>",
            "&T" => "-> &'static List",
            "OCamlFunc<(A, B), R>" => "OCamlFunc<",
            "OCamlAsyncFunc<(A, B), R>" => "OCamlAsyncFunc<",
            generic if generic.contains(['T', 'K']) && generic.ends_with('>') => {
                &generic[..=generic.find('<').expect("a bracket")]
            }
            other => other,
        };
        // `Bytes` is not part of `EchoBytes`.
        let is_of_name = |c: char| c.is_alphanumeric() || c == '_';
        let is_there = echoes.match_indices(part).any(|(i, _)| {
            let before = echoes[..i].chars().next_back();
            !part.starts_with(is_of_name) || !before.is_some_and(is_of_name)
        });
        assert!(
            is_there,
            "`{ty}`: `{part}` is not in domain-tests/src/echoes.rs"
        );
    }
}

/// Every message of the table of bad values is one that a test expects.
#[test]
fn each_message_of_the_page_is_tested() {
    let section = PAGE.split("\n## Bad values\n").nth(1).expect("the section");
    let section = section.split("\nThis holds for").next().expect("its end");
    let tests = concat!(
        include_str!("../../domain-tests/types/test_types.ml"),
        include_str!("../../domain-tests/faults/test_memory.ml"),
        include_str!("../src/value/tests.rs"),
    );
    // Without the breaks of long strings.
    let words = |text: &str| {
        text.replace("\\\"", "\"")
            .replace('\\', "")
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    };
    let tests = words(tests);
    let mut count = 0;
    for line in section
        .lines()
        .filter(|line| line.starts_with("| "))
        .skip(1)
    {
        let outcome = line.rsplit(" | ").next().expect("a cell");
        for message in quoted(outcome) {
            // The crate's name and the type of the elements are not those of the tests.
            let parts = message
                .split("my_crate::")
                .flat_map(|part| part.split("(float, ...) "));
            for part in parts {
                let part = part.split("Bigarray.Array1.t, ").last().unwrap_or(part);
                let part = part.trim_start_matches("NaN").trim();
                let is_there = tests.contains(part) || part == "expected";
                assert!(is_there, "no test expects `{part}`");
                count += 1;
            }
        }
    }
    assert!(count > 20, "{count} messages");
}
