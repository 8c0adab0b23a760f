//! Functions that return their argument, for each type of `doc/types.md`. `round_trip/` generates their tests from the
//! archive.

use crate::Int;
use futures_lite::{Stream, future};
use ocaml_lwt_interop::{
    Any, Bigarray, Bytes, Channel, Char, Domain, FromOCaml, List, Nativeint, OCamlAsyncFunc,
    OCamlException, OCamlFunc, OCamlStream, Opaque, OpaqueType, Promise, RemoteError, RemoteStream,
    Rooted, ToOCaml, Unchecked, func,
};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, LinkedList};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Defines functions that return their argument, synchronously and after a yield.
macro_rules! echo {
    ($($sync:ident $later:ident: $t:ty;)+) => {$(
        /// Returns its argument synchronously.
        #[func(sync)]
        pub fn $sync(value: $t) -> $t {
            value
        }

        /// Returns its argument after a yield.
        #[func]
        pub fn $later(value: $t) -> $t {
            future::yield_now().await;
            value
        }
    )+};
}

// Numbers.
echo! {
    echo_i8 echo_i8_later: i8;
    echo_i16 echo_i16_later: i16;
    echo_u8 echo_u8_later: u8;
    echo_u16 echo_u16_later: u16;
    echo_u32 echo_u32_later: u32;
    echo_isize echo_isize_later: isize;
    echo_usize echo_usize_later: usize;
    echo_i32 echo_i32_later: i32;
    echo_i64 echo_i64_later: i64;
    echo_u64 echo_u64_later: u64;
    echo_nativeint echo_nativeint_later: Nativeint;
    echo_f64 echo_f64_later: f64;
    echo_f32 echo_f32_later: f32;
    echo_bool echo_bool_later: bool;
    echo_byte echo_byte_later: Char;
    echo_char echo_char_later: char;
    echo_unit echo_unit_later: ();
    echo_duration echo_duration_later: Duration;
    echo_time echo_time_later: SystemTime;
}

// Text and bytes.
echo! {
    echo_string echo_string_later: String;
    echo_box_str echo_box_str_later: Box<str>;
    echo_arc_str echo_arc_str_later: Arc<str>;
    echo_bytes echo_bytes_later: Bytes;
    echo_bytes_bytes echo_bytes_bytes_later: bytes::Bytes;
    echo_path_buf echo_path_buf_later: PathBuf;
    echo_os_string echo_os_string_later: OsString;
    echo_vec_u8 echo_vec_u8_later: Vec<u8>;
    echo_box_u8 echo_box_u8_later: Box<[u8]>;
    echo_five_u8 echo_five_u8_later: [u8; 5];
}

// Structures.
echo! {
    echo_option echo_option_later: Option<Option<u8>>;
    echo_result echo_result_later: Result<u16, Bytes>;
    echo_pair echo_pair_later: (i8, String);
    echo_eight echo_eight_later: (i8, u8, i16, u16, u32, bool, f32, (f64, Char));
    echo_vec echo_vec_later: Vec<Int>;
    echo_vec_f64 echo_vec_f64_later: Vec<f64>;
    echo_vec_string echo_vec_string_later: Vec<String>;
    echo_box_slice echo_box_slice_later: Box<[u32]>;
    echo_three echo_three_later: [Int; 3];
    echo_list echo_list_later: List<i64>;
    echo_linked_list echo_linked_list_later: LinkedList<Bytes>;
    echo_btree_map echo_btree_map_later: BTreeMap<u8, String>;
    echo_hash_map echo_hash_map_later: HashMap<Bytes, f32>;
    echo_btree_set echo_btree_set_later: BTreeSet<i16>;
    echo_hash_set echo_hash_set_later: HashSet<String>;
    echo_box echo_box_later: Box<(Option<char>, Int)>;
}

// What one language keeps for the other.
echo! {
    echo_any echo_any_later: Rooted<Any>;
    echo_rooted echo_rooted_later: Rooted<Vec<f64>>;
    echo_unchecked echo_unchecked_later: Unchecked<String>;
    echo_opaque echo_opaque_later: Opaque<EchoToken>;
    echo_bigarray_i8 echo_bigarray_i8_later: Bigarray<i8>;
    echo_bigarray_u8 echo_bigarray_u8_later: Bigarray<u8>;
    echo_bigarray_i16 echo_bigarray_i16_later: Bigarray<i16>;
    echo_bigarray_u16 echo_bigarray_u16_later: Bigarray<u16>;
    echo_bigarray_i32 echo_bigarray_i32_later: Bigarray<i32>;
    echo_bigarray_i64 echo_bigarray_i64_later: Bigarray<i64>;
    echo_bigarray_isize echo_bigarray_isize_later: Bigarray<isize>;
    echo_bigarray_f32 echo_bigarray_f32_later: Bigarray<f32>;
    echo_bigarray_f64 echo_bigarray_f64_later: Bigarray<f64>;
    echo_promise echo_promise_later: Promise<(Int, String)>;
    echo_func echo_func_later: OCamlFunc<(Int, String), (String, Int)>;
    echo_async_func echo_async_func_later: OCamlAsyncFunc<(Int, Vec<f64>), Vec<f64>>;
}

// Types of this crate.
echo! {
    echo_colour echo_colour_later: EchoColour;
    echo_person echo_person_later: EchoPerson;
    echo_vector echo_vector_later: EchoVector;
    echo_shape echo_shape_later: EchoShape;
    echo_switch echo_switch_later: EchoSwitch;
    echo_metres echo_metres_later: EchoMetres;
    echo_block echo_block_later: EchoBlock;
}

/// A value that OCaml keeps.
#[derive(OpaqueType)]
pub struct EchoToken;

/// Makes a value that OCaml keeps.
#[func(sync)]
pub fn echo_token() -> Opaque<EchoToken> {
    Opaque::new(EchoToken)
}

/// A variant of constants.
#[derive(FromOCaml, ToOCaml)]
pub enum EchoColour {
    /// The number 0.
    Red,
    /// The number 1.
    Green,
    /// The number 2.
    Blue,
}

/// A record.
#[derive(FromOCaml, ToOCaml)]
pub struct EchoPerson {
    /// Text.
    name: String,
    /// A constant constructor.
    favourite: Option<EchoColour>,
    /// Names of a keyword and of a type.
    r#type: Vec<(Int, f64)>,
    /// A record of floats.
    place: EchoVector,
    /// Records of the same type.
    friends: LinkedList<EchoPerson>,
}

/// A record of floats, which OCaml represents as a flat float array.
#[derive(FromOCaml, ToOCaml)]
pub struct EchoVector {
    /// To the east.
    x: f64,
    /// To the north.
    y: f64,
}

/// A recursive variant, with constructors of every form.
#[derive(FromOCaml, ToOCaml)]
pub enum EchoShape {
    /// A constant.
    Nothing,
    /// One argument.
    Circle(f64),
    /// Several.
    Line(EchoVector, EchoVector, i64),
    /// An inline record.
    Rectangle {
        /// A float.
        width: f64,
        /// A text.
        label: Option<Bytes>,
    },
    /// Another constant.
    Everything,
    /// One argument with others of the same type.
    Group(Vec<EchoShape>),
    /// Two of the same type.
    Both(Box<EchoShape>, Box<EchoShape>),
}

/// A polymorphic variant.
#[derive(FromOCaml, ToOCaml)]
#[ocaml(polymorphic)]
pub enum EchoSwitch {
    /// A constant.
    On,
    /// One argument.
    Dimmed(Int),
    /// Two arguments, which are a pair.
    Between(f64, f64),
}

/// Another name for a type.
#[derive(FromOCaml, ToOCaml)]
pub struct EchoMetres(f64);

/// A record that contains a variant that contains the record.
#[derive(FromOCaml, ToOCaml)]
pub struct EchoBlock {
    /// The variant.
    statements: Vec<EchoStatement>,
}

/// A variant of that kind.
#[derive(FromOCaml, ToOCaml)]
pub enum EchoStatement {
    /// Text.
    Print(String),
    /// The record.
    Repeat(Option<Box<EchoBlock>>, Int),
}

// Types that convert to OCaml alone.

/// Returns a text that lives for ever.
#[func(sync)]
pub fn echo_to_str(value: String) -> &'static str {
    value.leak()
}

/// Returns a text that may be borrowed.
#[func(sync)]
pub fn echo_to_cow(value: String) -> Cow<'static, str> {
    match value.len() % 2 {
        0 => Cow::Owned(value),
        _ => Cow::Borrowed(value.leak()),
    }
}

/// Returns a path that lives for ever.
#[func(sync)]
pub fn echo_to_path(value: PathBuf) -> &'static Path {
    Box::leak(value.into_boxed_path())
}

/// Returns a text of the system that lives for ever.
#[func(sync)]
pub fn echo_to_os_str(value: OsString) -> &'static OsStr {
    Box::leak(value.into_boxed_os_str())
}

/// Returns bytes that live for ever.
#[func(sync)]
pub fn echo_to_bytes(value: Vec<u8>) -> &'static [u8] {
    value.leak()
}

/// Returns numbers that live for ever.
#[func(sync)]
pub fn echo_to_slice(value: Vec<Int>) -> &'static [Int] {
    value.leak()
}

/// Returns a reference, which is what it refers to.
#[func]
pub fn echo_to_reference(value: List<Bytes>) -> &'static List<Bytes> {
    Box::leak(Box::new(value))
}

// Types whose two sides differ.

/// Returns the exception of a promise that is rejected.
#[func]
pub fn echo_exception(promise: Promise<()>) -> Option<OCamlException> {
    promise.await.err()
}

/// Returns the stream.
#[func(stream, raise)]
pub fn echo_stream(
    stream: OCamlStream<Bytes>,
) -> impl Stream<Item = Result<Bytes, OCamlException>> {
    stream
}

/// Returns the stream, from a task of its own.
#[func(stream, raise)]
pub fn echo_remote_stream(
    stream: RemoteStream<f64>,
) -> impl Stream<Item = Result<f64, RemoteError>> {
    stream
}

/// Returns the channel. `channels/shared.ml` uses it.
#[func(sync)]
pub fn echo_channel(channel: Channel<Int>) -> Channel<Int> {
    channel
}

/// Returns the number of a domain.
#[func(sync)]
pub fn echo_domain(domain: Domain) -> u64 {
    domain.id()
}
