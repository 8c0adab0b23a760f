use super::*;
use crate::generate::{Declarations, File, Options};
use crate::model::Type;
use crate::testing::{exports, field, function, ocaml};
use proptest::prelude::*;

fn shown(markdown: &str) -> String {
    comment(markdown, 60).unwrap_or_default()
}

#[test]
fn nothing_is_no_comment() {
    for markdown in [
        "",
        " \n\n",
        "<!-- hidden -->",
        "---",
        "```\n# hidden\n```",
        "-\n-",
        "** **",
    ] {
        assert_eq!(comment(markdown, 80), None, "{markdown:?}");
    }
    assert_eq!(shown("****"), "");
}

#[test]
fn inline_markup_has_its_equal() {
    for (markdown, odoc) in [
        ("Returns `x`.", "(** Returns [x]. *)"),
        ("**bold** and *so* on", "(** {b bold} and {e so} on *)"),
        ("***both***", "(** {e {b both}} *)"),
        (
            "[`Point`] and [`new`](Point::new)",
            "(** [Point] and [new] *)",
        ),
        ("[Point], [x::y], [text][Point]", "(** Point, x::y, text *)"),
        ("[not one], [0]", "(** \\[not one\\], \\[0\\] *)"),
        (
            "[Lwt](https://ocsigen.org/lwt)",
            "(** {{:https://ocsigen.org/lwt}Lwt} *)",
        ),
        (
            "<https://a.b/@c>",
            "(** {{:https://a.b/%40c}https://a.b/\\@c} *)",
        ),
        (
            "![an image](https://a.b/(c).png)",
            "(** {{:https://a.b/%28c%29.png}an image} *)",
        ),
        ("a<br>b, Vec<T> and <b>c</b>", "(** ab, Vec<T> and c *)"),
        ("one\ntwo  \nthree", "(** one two three *)"),
        ("a &amp; b", "(** a & b *)"),
    ] {
        assert_eq!(shown(markdown), odoc);
    }
}

#[test]
fn characters_with_a_meaning_are_escaped() {
    for (markdown, odoc) in [
        ("{ a } @raise", "(** \\{ a \\} \\@raise *)"),
        ("`a[0]`, `[`, `\\[`", "(** [a[0]], [\\[], [\\\\[] *)"),
        ("`\\`", "(** [\\ ] *)"),
        (r"\\`a` **\\**", r"(** \ [a] {b \ } *)"),
        (r"a \*) b (\* c", "(** a * ) b ( * c *)"),
        ("a \" b", "(** a ” b *)"),
        ("a \"b\" c", "(** a \"b\" c *)"),
        (r"\- a", "(** [-] a *)"),
        (r"\+", "(** [+] *)"),
        ("a\u{1}b", "(** a b *)"),
    ] {
        assert_eq!(shown(markdown), odoc);
    }
}

#[test]
fn blocks_are_those_of_odoc() {
    let markdown = "\
Inserts a row, and returns how many there are now in the table.

# Errors

Fails if

- the row is there already,
- or the table is full,
  which it is not.

1. one
2. two

```
# use hidden;
let x = [[1], [2]];
## shown
```

```ocaml
let x = 1
```

| a | b |
|---|---|
| `one` | 2 |

> quoted
";
    let odoc = "\
(** Inserts a row, and returns how many there are now in the
    table.

    {b Errors}

    Fails if

    - the row is there already,
    - or the table is full, which it is not.

    + one
    + two

    {@rust[
      let x = [[1], [2]];
      # shown
    ]}

    {[
      let x = 1
    ]}

    {@text[
      a    b
      ---  -
      one  2
    ]}

    quoted *)";
    assert_eq!(shown(markdown), odoc);
}

#[test]
fn lists_in_lists_have_delimiters() {
    let odoc = "\
(** {ul
     {- one

        {ol
         {- two }
         {- three

            four
         }
        }
     }
     {- five }
    } *)";
    assert_eq!(
        shown("- one\n  1. two\n  2. three\n\n     four\n- five"),
        odoc
    );
}

#[test]
fn the_end_of_the_comment_fits() {
    let words = "sixty characters are the width, and these are as many more";
    let line = "(** sixty characters are the width, and these are as many";
    assert_eq!(shown(words), format!("{line}\n    more *)"));
    let words = words.replace(" more", "");
    assert_eq!(shown(&words), format!("{line} *)"));
    // As ocamlformat has it.
    assert_eq!(shown(&format!("{words}s")), format!("{line}s\n*)"));
}

/// Text that has a meaning in Markdown, in odoc's markup, or to OCaml's lexer.
fn fragment() -> impl Strategy<Value = String> {
    let fixed = [
        " ",
        "  ",
        "\n",
        "\n\n",
        "\n- ",
        "\n  - ",
        "\n1. ",
        "\n+ ",
        "\n> ",
        "\n# ",
        "\n```\n",
        "\n```ocaml\n",
        "\n```text\n",
        "\n    ",
        "\n---\n",
        "\n| a | b |\n|---|---|\n| ",
        " | ",
        "`",
        "``",
        "*",
        "**",
        "_",
        "~~",
        "[",
        "]",
        "](",
        "](https://a.b/",
        "![",
        ")",
        "(",
        "<https://a.b>",
        "<b>",
        "</b>",
        "<!--",
        "-->",
        "<T>",
        "{",
        "}",
        "{|",
        "|}",
        "{id|",
        "|id}",
        "{%x|",
        "{b ",
        "{[",
        "]}",
        "{v ",
        " v}",
        "{!",
        "{{:",
        "{@rust[",
        "@",
        "@raise ",
        "@param",
        "\\",
        "\\\\",
        "\"",
        "'",
        "'\"'",
        "'\\\"'",
        "\\u{",
        "\\u{110000}",
        "\\x",
        "(*",
        "*)",
        "(**",
        "**)",
        "-",
        "+",
        "|",
        "$",
        "%",
        "^",
        "#",
        "/*",
        "//",
        "a",
        "é",
        "”",
        "\u{0}",
        "\u{1b}",
        "\t",
        "\r",
        "\r\n",
        "\u{2028}",
        "\u{feff}",
        "&lt;",
        "&#123;",
        "a@b.c",
        "\n\n\\- ",
        "\n\n\\+",
        "\\-`",
        "`\\`",
        "`a\\`",
        "' '\"'",
        "\\**",
        "\\`",
    ];
    prop_oneof![
        6 => proptest::sample::select(fixed.to_vec()).prop_map(str::to_owned),
        2 => "[a-z]{1,8}",
        1 => any::<char>().prop_map(String::from),
        1 => "[ -~]{0,6}",
    ]
}

fn text() -> impl Strategy<Value = String> {
    proptest::collection::vec(fragment(), 0..25).prop_map(|fragments| fragments.concat())
}

/// Documented items of each kind, whose documentation is one of the texts.
fn documented(texts: &[String]) -> crate::model::Exports {
    use crate::model::Body;
    use crate::testing::{constant, definition};
    let mut all = exports([], [], []);
    for (i, doc) in texts.iter().enumerate() {
        let line = u32::try_from(i).unwrap();
        let documented = |mut constructor: crate::model::Constructor| {
            constructor.doc.clone_from(doc);
            constructor
        };
        let body = match i % 4 {
            0 => Body::Record(vec![crate::model::Field {
                doc: doc.clone(),
                ..field("a", Type::Int)
            }]),
            1 => Body::Variant(vec![documented(constant("A")), documented(constant("B"))]),
            2 => Body::Polymorphic(vec![documented(constant("A")), documented(constant("B"))]),
            _ => Body::Abstract,
        };
        let mut ty = definition(&format!("shapes::T{i}"), &format!("t{i}"), line, body);
        ty.doc.clone_from(doc);
        all.definitions.insert(ty.id.clone(), ty);
        let mut f = function(&format!("f{i}"), line, Vec::new(), Type::Unit);
        f.doc.clone_from(doc);
        all.functions.push(f);
    }
    all
}

/// Whether ocamldoc reads the comment as odoc does: it has no languages of code, HTML has a meaning, and so do `@` and
/// `{[` in code, and `v}` everywhere.
fn ocamldoc_reads(text: &str) -> bool {
    let comment = comment(text, 80).unwrap_or_default();
    !["{@", "@", "<", "{[", " v}"]
        .iter()
        .any(|unknown| comment.contains(unknown))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_documentation_compiles_and_is_read_by_odoc(texts in proptest::collection::vec(text(), 40)) {
        let Some(workspace) = ocaml::Workspace::new("any_documentation_compiles_and_is_read_by_odoc") else {
            return Ok(());
        };
        let texts: Vec<String> = match ocaml::odoc() {
            Some(_) => texts,
            None => texts.into_iter().filter(|text| ocamldoc_reads(text)).collect(),
        };
        let exports = documented(&texts);
        let declarations = Declarations::new(&exports, "liba.a", &Options::default()).unwrap();
        workspace.compile(&declarations.text(File::Mli), &declarations.text(File::DocumentedMl));
        workspace.document();
    }
}
