//! Conversions there and back, on a heap of OCaml's own.

use crate::base::panic::PanicsOnDrop;
use crate::ffi::root::Root;
use crate::ffi::runtime::RawValue;
use crate::ffi::test_runtime::with_ocaml;
use crate::ffi::token::RuntimeToken;
use crate::value::bigarray::Bigarray;
use crate::value::conversion_error::{ConversionError, Place};
use crate::value::convert::to_raw;
use crate::value::impls::{Char, List, Nativeint};
use crate::value::nesting::MAX_NESTING;
use crate::value::read::{FromOCaml, Source};
use crate::value::rooted::{Rooted, read_root};
use crate::value::types::{Body, Definition, DefinitionRef, Field, Type, TypeName};
use crate::value::write::{FLOATS, ToOCaml, Writer, write_root};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, LinkedList};
use std::fmt::Debug;
use std::time::Duration;

/// Collects, so that every value moves or is found dead.
fn collect() {
    // SAFETY: it is called on the thread that holds the lock.
    unsafe {
        ocaml_sys::caml_gc_minor(1);
        ocaml_sys::caml_gc_full_major(1);
    }
}

fn there_and_back<T: ToOCaml + FromOCaml>(
    token: &RuntimeToken<'_>,
    value: &T,
    collects: bool,
) -> Result<T, ConversionError> {
    let root = write_root(token, value)?;
    if collects {
        collect();
    }
    read_root(token, &root)
}

/// Checks that a value arrives equal, also if the collector moves it on the way.
fn arrives<T: ToOCaml + FromOCaml + PartialEq + Debug + Send + 'static>(value: T) {
    with_ocaml(move |token| {
        for collects in [false, true] {
            let back = there_and_back(token, &value, collects).expect("it converts");
            assert_eq!(back, value);
        }
    });
}

/// Returns the error of a conversion from what another type writes.
fn refused<A, B>(value: A) -> String
where
    A: ToOCaml + Send + 'static,
    B: FromOCaml + Debug,
{
    with_ocaml(move |token| {
        let root = write_root(token, &value).expect("it converts");
        read_root::<B>(token, &root)
            .expect_err("it does not convert")
            .to_string()
    })
}

/// Returns the error of a conversion to OCaml.
fn not_written<T: ToOCaml + Send + 'static>(value: T) -> String {
    with_ocaml(move |token| match write_root(token, &value) {
        Ok(_) => panic!("it converts"),
        Err(e) => e.to_string(),
    })
}

// ---- types of a program

#[derive(Debug, Clone, PartialEq)]
struct Row {
    id: isize,
    name: String,
    score: f64,
}

static ROW: Definition = Definition::new(
    TypeName {
        ocaml: "row",
        rust: "Row",
        module: "tests",
    },
    ("tests.rs", 1),
    "",
    Body::Record(&[
        Field {
            name: "id",
            doc: "",
            ty: &Type::Int,
        },
        Field {
            name: "name",
            doc: "",
            ty: &Type::String,
        },
        Field {
            name: "score",
            doc: "",
            ty: &Type::Float,
        },
    ]),
);

// SAFETY: the record is read field by field.
unsafe impl FromOCaml for Row {
    const TYPE: &'static Type = &Type::Named(DefinitionRef::new(&ROW));

    fn from_ocaml(value: Source<'_>) -> Result<Self, ConversionError> {
        let fields = value.fields(0, 3, "record row")?;
        Ok(Row {
            id: fields.get(0, Place::Field("id"))?,
            name: fields.get(1, Place::Field("name"))?,
            score: fields.get(2, Place::Field("score"))?,
        })
    }
}

// SAFETY: the record is written field by field.
unsafe impl ToOCaml for Row {
    const TYPE: &'static Type = &Type::Named(DefinitionRef::new(&ROW));

    fn to_ocaml<W: Writer>(&self, writer: &mut W) -> Result<W::Value, ConversionError> {
        let mut block = writer.begin(0, 3)?;
        writer.field(&mut block, Place::Field("id"), &self.id)?;
        writer.field(&mut block, Place::Field("name"), &self.name)?;
        writer.field(&mut block, Place::Field("score"), &self.score)?;
        writer.end(block)
    }
}

/// A record of floats alone.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Point(f64, f64);

// SAFETY: the record is read field by field. (The descriptor says that it is a tuple; nothing depends on that here.)
unsafe impl FromOCaml for Point {
    const TYPE: &'static Type = &Type::Tuple(&[&Type::Float, &Type::Float]);

    fn from_ocaml(value: Source<'_>) -> Result<Self, ConversionError> {
        let fields = value.floats(2, "record point")?;
        Ok(Point(
            fields.get(0, Place::Field("x"))?,
            fields.get(1, Place::Field("y"))?,
        ))
    }
}

// SAFETY: the record is written field by field.
unsafe impl ToOCaml for Point {
    const TYPE: &'static Type = <Self as FromOCaml>::TYPE;

    fn to_ocaml<W: Writer>(&self, writer: &mut W) -> Result<W::Value, ConversionError> {
        let mut block = writer.begin(FLOATS, 2)?;
        writer.field(&mut block, Place::Field("x"), &self.0)?;
        writer.field(&mut block, Place::Field("y"), &self.1)?;
        writer.end(block)
    }
}

static CHAIN: Definition = Definition::new(
    TypeName {
        ocaml: "chain",
        rust: "Chain",
        module: "tests",
    },
    ("tests.rs", 1),
    "",
    Body::Alias(<Chain as FromOCaml>::TYPE),
);

const NAMED: &Type = &Type::Named(DefinitionRef::new(&CHAIN));

/// A list that nests.
#[derive(Debug, PartialEq)]
struct Chain(Option<Box<Chain>>);

// SAFETY: the conversions are those of the option.
unsafe impl FromOCaml for Chain {
    const TYPE: &'static Type = &Type::Option(NAMED);

    fn from_ocaml(value: Source<'_>) -> Result<Self, ConversionError> {
        Option::from_ocaml(value).map(Chain)
    }
}

// SAFETY: the conversions are those of the option.
unsafe impl ToOCaml for Chain {
    const TYPE: &'static Type = &Type::Option(NAMED);

    fn to_ocaml<W: Writer>(&self, writer: &mut W) -> Result<W::Value, ConversionError> {
        self.0.to_ocaml(writer)
    }
}

fn chain(length: u32) -> Chain {
    (0..length).fold(Chain(None), |rest, _| Chain(Some(Box::new(rest))))
}

// ---- values that arrive equal

#[test]
fn numbers_arrive_equal_or_are_refused() {
    for n in [0, 1, -1, isize::MAX >> 1, isize::MIN >> 1] {
        arrives(n);
    }
    arrives((u8::MAX, i8::MIN, u16::MAX, i16::MIN));
    arrives((u32::MAX, i32::MIN, i64::MIN, i64::MAX));
    arrives((Nativeint(isize::MIN), Nativeint(isize::MAX), true, false));
    arrives((Char(0), Char(255), 'a', '\u{10FFFF}'));
    arrives(((), 0usize, u64::MAX >> 1, 1.5f32));

    assert_eq!(
        not_written(1isize << 62),
        "4611686018427387904 does not fit int, which has 63 bits"
    );
    assert_eq!(
        not_written(isize::MIN),
        "-9223372036854775808 does not fit int, which has 63 bits"
    );
    assert_eq!(
        not_written(usize::MAX),
        "18446744073709551615 does not fit int, which has 63 bits"
    );
    assert_eq!(
        not_written(u64::MAX),
        "18446744073709551615 does not fit int64"
    );
    assert_eq!(refused::<isize, u8>(300), "300 does not fit u8");
    assert_eq!(refused::<isize, u8>(-1), "-1 does not fit u8");
    assert_eq!(refused::<isize, i8>(128), "128 does not fit i8");
    assert_eq!(refused::<isize, u16>(70_000), "70000 does not fit u16");
    assert_eq!(
        refused::<isize, u32>(1 << 32),
        "4294967296 does not fit u32"
    );
    assert_eq!(refused::<isize, usize>(-1), "-1 does not fit usize");
    assert_eq!(refused::<i64, u64>(-1), "-1 does not fit u64");
    assert_eq!(refused::<isize, bool>(2), "expected bool");
    assert_eq!(refused::<isize, ()>(1), "expected unit");
    assert_eq!(refused::<isize, Char>(256), "256 does not fit char");
    assert_eq!(
        refused::<isize, char>(0xD800),
        "0xd800 is not a Unicode scalar value"
    );
    assert_eq!(refused::<f64, f32>(1e300), "1e300 does not fit f32");
}

#[test]
fn floats_arrive_bit_for_bit() {
    let special = [
        0.0,
        -0.0,
        f64::NAN,
        -f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::MIN_POSITIVE,
        f64::from_bits(1),
        f64::from_bits(0x7FF0_0000_0000_0001),
    ];
    let bits = |values: &[f64]| values.iter().map(|f| f.to_bits()).collect::<Vec<_>>();
    for size in [0, 1, 9, 255, 256, 257, 1000] {
        let values: Vec<f64> = special.iter().copied().cycle().take(size).collect();
        with_ocaml(move |token| {
            let back = there_and_back(token, &values, true).expect("they convert");
            assert_eq!(bits(&back), bits(&values));
            let list: List<f64> = values.iter().copied().collect();
            let back = there_and_back(token, &list, true).expect("they convert");
            assert_eq!(bits(&back), bits(&values));
        });
    }
}

#[test]
fn times_are_seconds() {
    let days = Duration::from_secs(1 << 23);
    let nanosecond = Duration::from_nanos(1);
    arrives((Duration::ZERO, nanosecond, days - nanosecond));
    for i in 0..100 {
        arrives(days - nanosecond * 9_999_991 * i);
    }
    let second = Duration::from_secs(1);
    arrives((
        std::time::UNIX_EPOCH + second / 2,
        std::time::UNIX_EPOCH - second,
    ));
    for seconds in [-1.0, f64::NAN, f64::INFINITY, 1e30] {
        assert_eq!(
            refused::<f64, Duration>(seconds),
            format!(
                "{seconds:?} is not a duration in seconds, which is at least 0 and less than 2^64"
            )
        );
    }
    assert_eq!(
        refused::<f64, std::time::SystemTime>(f64::NAN),
        "NaN is not a time in seconds since 1970"
    );
}

#[test]
fn strings_of_every_length_arrive_equal() {
    for len in (0..40).chain([255, 256, 2039, 2040, 2047, 2048, 2049, 100_000]) {
        let text = "x".repeat(len);
        arrives((text.clone(), text.clone().into_bytes()));
        arrives(crate::value::bytes::Bytes(vec![0xFF; len]));
        arrives(bytes::Bytes::from(vec![0; len]));
        arrives(std::path::PathBuf::from(text));
    }
    assert_eq!(
        refused::<crate::value::bytes::Bytes, String>(b"caf\xE9".to_vec().into()),
        "expected a UTF-8 string, but byte 3 is not UTF-8; take Bytes for arbitrary bytes"
    );
}

#[test]
fn containers_of_every_size_arrive_equal() {
    for size in (0..10).chain([83, 84, 85, 86, 127, 128, 129, 255, 256, 257, 1000]) {
        let rows: Vec<Row> = (0..size)
            .map(|i| Row {
                id: i,
                name: "n".repeat(i as usize % 50),
                score: i as f64,
            })
            .collect();
        arrives(rows.clone());
        arrives(List(rows.clone()));
        arrives(rows.iter().cloned().collect::<LinkedList<_>>());
        arrives(rows.into_boxed_slice());
        arrives(vec![Point(1.0, 2.0); size as usize]);
        arrives((0..size).collect::<Vec<_>>());
        arrives((0..size).map(|i| (i, i as i64)).collect::<HashMap<_, _>>());
        arrives(
            (0..size)
                .map(|i| (i.to_string(), Some(i)))
                .collect::<BTreeMap<_, _>>(),
        );
        arrives((0..size).collect::<BTreeSet<_>>());
        arrives((0..size).collect::<HashSet<_>>());
    }
    arrives([1isize, 2, 3]);
    arrives(vec![vec![Some("a".to_owned())], vec![], vec![None]]);
    arrives((Some(Some(())), Some(None::<()>), None::<Option<()>>));
    arrives((Ok::<_, String>(7isize), Err::<f64, _>("no".to_owned())));
    assert_eq!(
        refused::<Vec<isize>, [isize; 3]>(vec![1, 2]),
        "expected 3 elements, and there are 2"
    );
    assert_eq!(
        refused::<List<(isize, isize)>, HashMap<isize, isize>>(List(vec![(1, 2), (3, 4), (1, 5)])),
        "element 2: this key is there twice"
    );
    assert_eq!(
        refused::<List<isize>, BTreeSet<isize>>(List(vec![1, 1])),
        "element 1: this key is there twice"
    );
}

#[test]
fn a_list_of_a_million_elements_arrives() {
    with_ocaml(|token| {
        let list: List<isize> = (0..1_000_000).collect();
        let back = there_and_back(token, &list, true).expect("it converts");
        assert!(back == list);
        let array = list.0;
        let back = there_and_back(token, &array, true).expect("it converts");
        assert!(back == array);
    });
}

#[test]
fn errors_say_where_in_the_value_they_are() {
    let rows = |age: isize| vec![("a".to_owned(), 1), ("b".to_owned(), age)];
    assert_eq!(
        refused::<Vec<(String, isize)>, Vec<(String, u8)>>(rows(300)),
        "component 1 of element 1: 300 does not fit u8"
    );
    assert_eq!(
        refused::<List<Option<isize>>, List<Option<u8>>>(List(vec![None, Some(-1)])),
        "the content of Some of element 1: -1 does not fit u8"
    );
    assert_eq!(
        not_written(vec![Ok::<_, ()>(1u64), Ok(u64::MAX)]),
        "the content of Ok of element 1: 18446744073709551615 does not fit int64"
    );
    // Larger than a chunk, and in a list.
    let mut many = vec![0isize; 1000];
    many[999] = isize::MIN;
    assert_eq!(
        not_written(many.clone()),
        "element 999: -9223372036854775808 does not fit int, which has 63 bits"
    );
    assert_eq!(
        not_written(List(many)),
        "element 999: -9223372036854775808 does not fit int, which has 63 bits"
    );
}

#[test]
fn values_of_another_shape_are_refused_where_values_are_checked() {
    if !cfg!(any(debug_assertions, feature = "checks")) {
        return;
    }
    let text = || "text".to_owned();
    assert_eq!(refused::<String, isize>(text()), "expected int");
    assert_eq!(refused::<isize, String>(1), "expected string");
    assert_eq!(refused::<String, f64>(text()), "expected float");
    assert_eq!(refused::<isize, i64>(1), "expected int64");
    assert_eq!(refused::<i32, i64>(1), "expected int64");
    assert_eq!(refused::<String, Vec<isize>>(text()), "expected array");
    assert_eq!(refused::<isize, (isize, isize)>(1), "expected a pair");
    assert_eq!(
        refused::<(isize, isize), (isize, isize, isize)>((1, 2)),
        "expected a tuple of 3"
    );
    assert_eq!(
        refused::<(isize, isize), Option<isize>>((1, 2)),
        "expected an option"
    );
    assert_eq!(
        refused::<isize, Result<isize, isize>>(1),
        "expected a constructor with arguments"
    );
    assert_eq!(
        refused::<(isize, isize, isize), List<isize>>((1, 2, 3)),
        "element 0: expected list"
    );
    assert_eq!(refused::<isize, List<isize>>(1), "element 0: expected list");
    assert_eq!(refused::<Row, Point>(row()), "expected record point");
    assert_eq!(
        refused::<(isize, isize, f64), Row>((1, 2, 0.5)),
        "field name: expected string"
    );
}

fn row() -> Row {
    Row {
        id: 1,
        name: "a".to_owned(),
        score: 0.5,
    }
}

/// Makes a block of tag 0 that is its own field `index`.
fn cyclic(token: &RuntimeToken<'_>, size: usize, index: usize) -> Root {
    let fields = vec![0isize; size];
    let root = write_root(token, &fields).expect("it converts");
    let block: RawValue = root.raw(token);
    // SAFETY: the token proves the lock, and the block was just read from its root. It has the field.
    unsafe { ocaml_sys::caml_modify(ocaml_sys::field(block, index), block) };
    root
}

#[test]
fn cyclic_values_are_refused() {
    with_ocaml(|token| {
        let list = cyclic(token, 2, 1);
        let error = read_root::<List<isize>>(token, &list).expect_err("it is cyclic");
        assert!(error.to_string().ends_with("the list is cyclic"), "{error}");
        let deep = cyclic(token, 1, 0);
        let error = read_root::<Chain>(token, &deep).expect_err("it is cyclic");
        assert!(
            error.to_string().contains("the value is cyclic, or nested"),
            "{error}"
        );
    });
}

#[test]
fn nesting_has_a_limit_both_ways() {
    // Frames are larger without optimisation.
    arrives(chain(if cfg!(debug_assertions) {
        200
    } else {
        MAX_NESTING
    }));
    let error = not_written(chain(MAX_NESTING + 1));
    assert!(error.contains("nested more than"), "{error}");
}

#[test]
fn code_of_users_gets_no_token_within_a_conversion() {
    #[derive(Debug, PartialEq, Eq)]
    struct Key(isize);

    impl std::hash::Hash for Key {
        fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
            assert!(crate::ffi::token::is_in_conversion());
            self.0.hash(state);
        }
    }

    // SAFETY: the conversion is that of the number.
    unsafe impl FromOCaml for Key {
        const TYPE: &'static Type = &Type::Int;

        fn from_ocaml(value: Source<'_>) -> Result<Self, ConversionError> {
            isize::from_ocaml(value).map(Key)
        }
    }

    with_ocaml(|token| {
        let root = write_root(token, &List(vec![(1isize, 2isize)])).expect("it converts");
        let map = read_root::<HashMap<Key, isize>>(token, &root).expect("it converts");
        assert_eq!(map.len(), 1);
        assert!(!crate::ffi::token::is_in_conversion());
    });
}

// ---- destructors, roots and sizes

/// Uses OCaml in its destructor, so that values move.
#[derive(Default)]
struct Mover;

impl Drop for Mover {
    fn drop(&mut self) {
        // SAFETY: it is dropped on the thread that holds the lock.
        let token = unsafe { RuntimeToken::assume_locked() };
        let _ = write_root(&token, &vec!["a string".to_owned(); 1000]);
        collect();
    }
}

impl AsRef<[u8]> for Mover {
    fn as_ref(&self) -> &[u8] {
        b"the content"
    }
}

impl std::hash::BuildHasher for Mover {
    type Hasher = std::hash::DefaultHasher;

    fn build_hasher(&self) -> Self::Hasher {
        std::hash::DefaultHasher::new()
    }
}

#[test]
fn a_result_is_where_it_was_after_its_destructor_has_used_ocaml() {
    with_ocaml(|token| {
        let raw = to_raw(token, bytes::Bytes::from_owner(Mover)).expect("it converts");
        // SAFETY: the string was made last.
        let root: Root = unsafe { Root::new(raw) };
        assert_eq!(read_root::<String>(token, &root).unwrap(), "the content");

        let mut map: HashMap<String, isize, Mover> = HashMap::with_hasher(Mover);
        map.insert("the key".to_owned(), 1);
        let raw = to_raw(token, map).expect("it converts");
        // SAFETY: the list was made last.
        let root: Root = unsafe { Root::new(raw) };
        let list = read_root::<List<(String, isize)>>(token, &root).unwrap();
        assert_eq!(list.0, [("the key".to_owned(), 1)]);
    });
}

#[test]
fn floats_of_arrays_can_be_kept_and_given_back() {
    with_ocaml(|token| {
        let root = write_root(token, &vec![1.5f64, 2.5]).unwrap();
        let kept = read_root::<Vec<Rooted<f64>>>(token, &root).unwrap();
        let any = read_root::<Vec<Rooted>>(token, &root).unwrap();
        collect();
        assert_eq!(kept[1].get(token).unwrap(), 2.5);
        let back = write_root(token, &kept).unwrap();
        drop((kept, any));
        collect();
        assert_eq!(read_root::<Vec<f64>>(token, &back).unwrap(), [1.5, 2.5]);
    });
}

#[test]
fn heavy_bigarrays_arrive() {
    with_ocaml(|token| {
        // OCaml allocates the second one in the major heap.
        for len in [1_000, 1_000_000] {
            let array = Bigarray::from(vec![7u8; len]);
            let roots: Vec<Root> = (0..10)
                .map(|_| write_root(token, &array).expect("it converts"))
                .collect();
            drop(array);
            collect();
            for root in &roots {
                let back = read_root::<Bigarray<u8>>(token, root).expect("it converts");
                assert_eq!(back.to_vec(), vec![7; len]);
            }
        }
    });
}

#[test]
fn a_block_that_no_header_can_describe_is_refused() {
    // It takes no memory in Rust.
    assert_eq!(not_written([(); 1 << 61]), "out of memory");
}

#[test]
fn references_nest_up_to_the_limit() {
    struct Node<'a>(Option<&'a Node<'a>>);

    // SAFETY: the conversion is that of the option.
    unsafe impl ToOCaml for Node<'_> {
        const TYPE: &'static Type = &Type::Any;

        fn to_ocaml<W: Writer>(&self, writer: &mut W) -> Result<W::Value, ConversionError> {
            self.0.to_ocaml(writer)
        }
    }

    let mut last: &'static Node<'static> = Box::leak(Box::new(Node(None)));
    for _ in 0..MAX_NESTING + 1 {
        last = Box::leak(Box::new(Node(Some(last))));
    }
    assert!(not_written(last).contains("nested more than"));
}

// SAFETY: an int is read.
unsafe impl FromOCaml for PanicsOnDrop<u8> {
    const TYPE: &'static Type = &Type::Int;

    fn from_ocaml(value: Source<'_>) -> Result<Self, ConversionError> {
        u8::from_ocaml(value).map(PanicsOnDrop)
    }
}

#[test]
fn a_conversion_that_fails_drops_what_it_has_read_although_destructors_panic() {
    for elements in [vec![1, 2, 300], vec![1, 2, 3, 300]] {
        let error = refused::<Vec<isize>, Vec<PanicsOnDrop<u8>>>(elements.clone());
        assert!(error.contains("300 does not fit u8"), "{error}");
        let error = refused::<List<isize>, LinkedList<PanicsOnDrop<u8>>>(List(elements.clone()));
        assert!(error.contains("300 does not fit u8"), "{error}");
        let error = refused::<List<isize>, List<PanicsOnDrop<u8>>>(List(elements));
        assert!(error.contains("300 does not fit u8"), "{error}");
    }
    let error = refused::<Vec<isize>, [PanicsOnDrop<u8>; 3]>(vec![1, 2]);
    assert!(error.contains("expected 3 elements"), "{error}");
    type Panicking = PanicsOnDrop<u8>;
    let twice = || List(vec![(1, 1), (2, 2), (1, 3), (4, 4), (5, 5)]);
    let error = refused::<List<(isize, isize)>, BTreeMap<u8, Panicking>>(twice());
    assert!(error.contains("this key is there twice"), "{error}");
    let error = refused::<List<(isize, isize)>, HashMap<u8, Panicking>>(twice());
    assert!(error.contains("this key is there twice"), "{error}");
}
