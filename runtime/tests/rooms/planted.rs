//! The check itself: it sees what is planted, and nothing else.

use crate::rules::{Rules, check, numbers};
use crate::source::read_crate;

const RULES: Rules = Rules {
    floors: &[&["lib"], &["top"], &["left", "right"], &["ground"]],
    unsafe_rooms: &[],
    upward_tests: &[],
};

const LIB: &str = "mod top; mod left; mod right; mod ground; pub use top::Thing;";

/// Checks a crate of four rooms, in which the files given replace empty ones.
fn faults_with(rules: &Rules, planted: &[(&str, &str)]) -> Vec<String> {
    let files = read_crate(&|name| {
        let found = planted.iter().find(|(planted, _)| *planted == name);
        match (found, name) {
            (Some((_, text)), _) => Some((*text).to_owned()),
            (None, "lib.rs") => Some(LIB.to_owned()),
            (None, "top.rs" | "left.rs" | "right.rs" | "ground.rs") => Some(String::new()),
            _ => None,
        }
    });
    check(rules, &files)
}

fn faults(planted: &[(&str, &str)]) -> Vec<String> {
    faults_with(&RULES, planted)
}

/// One fault is found, and its message has all of the texts.
#[track_caller]
fn one_fault(planted: &[(&str, &str)], texts: &[&str]) {
    let faults = faults(planted);
    assert_eq!(faults.len(), 1, "{faults:?}");
    for text in texts {
        assert!(faults[0].contains(text), "no {text:?} in: {}", faults[0]);
    }
}

#[track_caller]
fn no_fault(planted: &[(&str, &str)]) {
    let faults = faults(planted);
    assert!(faults.is_empty(), "{faults:?}");
}

#[test]
fn imports_from_lower_floors_are_allowed() {
    no_fault(&[
        (
            "lib.rs",
            "mod top; mod left; mod right; mod ground; pub use left::Thing;",
        ),
        (
            "top.rs",
            "use crate::{left::a, right, ground::{self, b}}; fn f() { crate::ground::c() }",
        ),
        (
            "left.rs",
            "use crate::ground; macro_rules! m { () => { $crate::ground::d() } }",
        ),
    ]);
}

#[test]
fn an_import_from_a_higher_floor_is_found() {
    one_fault(
        &[("ground.rs", "\nuse crate::top::Thing;")],
        &[
            "runtime/src/ground.rs:2: crate::top::Thing",
            "from the room `ground` into `top`",
            "lib > top > left, right > ground",
            "Move the code up",
        ],
    );
}

#[test]
fn an_import_from_the_same_floor_is_found() {
    one_fault(
        &[("left.rs", "use crate::right;")],
        &["from the room `left` into `right`"],
    );
}

#[test]
fn an_import_is_found_in_each_form() {
    for form in [
        "use crate::{left::Thing as Other};",
        "pub(crate) use crate::left::*;",
        "fn f() -> crate::left::Thing { todo!() }",
        "fn f() { crate::left::f::<u8>() }",
        "fn f(_: impl Fn(crate::left::Thing)) {}",
        "fn f() { println!(\"{}\", (crate::left::X)) }",
        "macro_rules! m { () => { $crate::left::f() } }",
        "use super::left::Thing;",
        "fn f() { super::left::f() }",
        "mod inner { use super::super::left; }",
        "impl crate::left::Thing for u8 {}",
        "#[cfg(not(test))] use crate::left;",
    ] {
        one_fault(
            &[("ground.rs", form)],
            &["from the room `ground` into `left`"],
        );
    }
}

#[test]
fn an_import_from_a_file_within_a_room_is_found() {
    one_fault(
        &[
            ("ground.rs", "mod inner { mod deep; }"),
            ("ground/inner/deep.rs", "use crate::top;"),
        ],
        &["runtime/src/ground/inner/deep.rs:1: crate::top"],
    );
}

#[test]
fn an_export_of_lib_counts_as_the_room_that_it_comes_from() {
    one_fault(&[("left.rs", "use crate::Thing;")], &["into `top`"]);
    one_fault(&[("left.rs", "use crate::other;")], &["into `lib`"]);
}

#[test]
fn what_is_not_an_import_is_not_found() {
    no_fault(&[(
        "ground.rs",
        "/// See [`Thing`](crate::top::Thing).
         pub(crate) struct A { pub(super) a: &'static str }
         /* crate::top */ const B: &str = \"crate::top\";
         mod tests { use super::*; use self::super::A; }
         #[macro_export] macro_rules! m { () => { $crate::top::f() } }",
    )]);
}

#[test]
fn tests_keep_to_the_floors_too() {
    let tests = "#[cfg(all(test, not(loom_model)))] mod tests { use crate::left::a; }";
    one_fault(
        &[("ground.rs", tests)],
        &["from the room `ground` into `left`"],
    );

    let rules = |upward_tests| Rules {
        upward_tests,
        ..RULES
    };
    let excused = rules(&[("ground.rs", "left")]);
    assert!(faults_with(&excused, &[("ground.rs", tests)]).is_empty());
    let child = [
        ("ground.rs", "#[cfg(test)] mod t;"),
        ("ground/t.rs", "use crate::left;"),
    ];
    assert!(faults_with(&rules(&[("ground/t.rs", "left")]), &child).is_empty());

    // Only tests are excused, and only while they need it.
    assert_eq!(
        faults_with(&excused, &[("ground.rs", "use crate::left::a;")]).len(),
        2
    );
    assert_eq!(faults_with(&excused, &[]).len(), 1);
}

#[test]
fn a_circle_of_files_is_found() {
    one_fault(
        &[
            ("left.rs", "mod a; mod b; mod c; mod d;"),
            ("left/a.rs", "use crate::left::b::B;"),
            ("left/b.rs", "\nfn f() { super::c::f() }"),
            ("left/c.rs", "use super::a; use super::d;"),
            ("left/d.rs", ""),
        ],
        &[
            "The files of the room `left` import each other in a circle",
            "runtime/src/left/a.rs:1: crate::left::b::B",
            "runtime/src/left/b.rs:2: crate::left::c::f",
            "runtime/src/left/c.rs:1: crate::left::a",
            "a file that imports neither",
        ],
    );
}

#[test]
fn a_circle_with_the_file_of_the_room_is_found() {
    one_fault(
        &[
            ("left.rs", "mod a; fn f() { a::f() }"),
            ("left/a.rs", "use crate::left::f;"),
        ],
        &[
            "left.rs:1: crate::left::a::f",
            "left/a.rs:1: crate::left::f",
        ],
    );
}

#[test]
fn declarations_and_tests_make_no_circle() {
    no_fault(&[
        ("left.rs", "mod a; mod b;"),
        ("left/a.rs", "use crate::left::f; mod tests {}"),
        ("left/b.rs", "use crate::left::a; #[cfg(test)] mod tests;"),
        ("left/b/tests.rs", "use super::*; use crate::left::a;"),
    ]);
    no_fault(&[
        ("left.rs", "mod a; mod b;"),
        (
            "left/a.rs",
            "#[cfg(test)] mod tests { use crate::left::b; }",
        ),
        ("left/b.rs", "use crate::left::a;"),
    ]);
}

#[test]
fn unsafe_code_is_found_outside_of_the_named_rooms() {
    for (form, kind) in [
        ("fn f() { unsafe { g() } }", "unsafe block"),
        ("unsafe fn f() {}", "unsafe fn"),
        ("trait T { unsafe fn f(); }", "unsafe fn"),
        ("unsafe impl Send for A {}", "unsafe impl"),
        ("unsafe trait T {}", "unsafe trait"),
        ("unsafe extern \"C\" {}", "unsafe extern block"),
        ("#[unsafe(no_mangle)] fn f() {}", "unsafe attribute"),
        (
            "macro_rules! m { () => { unsafe {} } }",
            "unsafe in a macro",
        ),
        (
            "#[cfg(test)] mod tests { fn f() { unsafe { g() } } }",
            "unsafe block",
        ),
    ] {
        let place = format!("runtime/src/left.rs:1: {kind}");
        one_fault(
            &[("left.rs", form)],
            &[&place, "and this is `left`", "safe function"],
        );
    }
    no_fault(&[("left.rs", "type F = unsafe extern \"C\" fn(); // unsafe")]);
}

#[test]
fn unsafe_code_is_allowed_in_the_named_rooms() {
    let rules = Rules {
        unsafe_rooms: &["left"],
        ..RULES
    };
    assert!(faults_with(&rules, &[("left.rs", "unsafe fn f() {}")]).is_empty());
    // A room that does not need it leaves the list.
    assert_eq!(faults_with(&rules, &[]).len(), 1);
}

#[test]
fn a_room_that_is_on_no_floor_is_found() {
    one_fault(
        &[("lib.rs", "mod attic;"), ("attic.rs", "")],
        &["The room `attic` is on no floor", "FLOORS"],
    );
}

#[test]
fn the_numbers_count_rooms_arrows_and_unsafe_code() {
    let files = read_crate(&|name| {
        let text = match name {
            "lib.rs" => LIB,
            "top.rs" => "use crate::left::{a, b}; use crate::ground;",
            "left.rs" => "use crate::top; fn f() { unsafe { g() } } unsafe fn g() {}",
            "right.rs" | "ground.rs" => "",
            _ => return None,
        };
        Some(text.to_owned())
    });
    let text = numbers(&RULES, &files);
    for line in [
        "rooms: 5",
        "arrows between rooms: 4",
        "arrows upwards: 1",
        "circles of files: 0",
        "  left: 1 (1)",
    ] {
        assert!(text.lines().any(|l| l == line), "no {line:?} in: {text}");
    }
}
