(* The types and functions of [domain-tests/src/types.rs]. *)

(* Each constructor has a type of its own in Rust. *)
type value =
  | I8 of Obj.t
  | U8 of Obj.t
  | I16 of Obj.t
  | U16 of Obj.t
  | U32 of Obj.t
  | Usize of Obj.t
  | Isize of Obj.t
  | I32 of Obj.t
  | I64 of Obj.t
  | U64 of Obj.t
  | F32 of Obj.t
  | F64 of Obj.t
  | Bool of Obj.t
  | Unit of Obj.t
  | Char of Obj.t
  | Uchar of Obj.t
  | Text of Obj.t
  | ByteString of Obj.t
  | Path of Obj.t
  | Buffer of Obj.t
  | Duration of Obj.t
  | Time of Obj.t
  | Option of Obj.t
  | Result of Obj.t
  | Pair of Obj.t
  | Ints of Obj.t
  | Three of Obj.t
  | Floats of Obj.t
  | List of Obj.t
  | Names of Obj.t
  | Map of Obj.t
  | Table of Obj.t
  | Set of Obj.t
  | Members of Obj.t
  | Colour of Obj.t
  | Switch of Obj.t
  | People of Obj.t
  | Point of Obj.t
  | Tree of Obj.t
  | Counter of Obj.t
  | Samples of Obj.t
  | Percentage of Obj.t
  | Panics of Obj.t
  | Function of Obj.t

external bodies : unit -> int = "types_bodies"
external sync : value -> int = "types_sync"
external with_token : value -> int = "types_with_token"
external third : int -> string -> value -> (int, string) result = "types_third"
external ready : value -> int Lwt.t = "types_ready"
external pending : value -> int Lwt.t = "types_pending"
external tokio : value -> int Lwt.t = "types_tokio"
external blocking : value -> int Lwt.t = "types_blocking"
external raise_ : value -> int Lwt.t = "types_raise"
external root : value -> int Lwt.t = "types_root"
external root_sync : value -> int = "types_root_sync"
external callback : (unit -> value) -> int = "types_callback"
external callback_in_task : (unit -> value) -> int Lwt.t = "types_callback_in_task"
external async_callback : (unit -> value Lwt.t) -> int Lwt.t = "types_async_callback"
external remote : (unit -> value) -> int Lwt.t = "types_remote"
external promise : value Lwt.t -> int Lwt.t = "types_promise"

type person = { name : string; age : int }
type point = { x : float; y : float }
type tree = Leaf | Node of tree * int

(* ---- opaque values *)

type counter
type words

external counter : unit -> counter = "types_counter"
external words : unit -> words = "types_words"

type deep = { deeper : deep option }

type unfit =
  | Int of int
  | Size of int
  | Long of int64
  | Many of int list
  | Deep of deep
  | Panics of int
  | Nothing

external to_sync : int -> unfit = "types_to_sync"
external to_ready : int -> unfit Lwt.t = "types_to_ready"
external to_pending : int -> unfit Lwt.t = "types_to_pending"
external to_tokio : int -> unfit Lwt.t = "types_to_tokio"
external to_blocking : int -> unfit Lwt.t = "types_to_blocking"
external to_raise : int -> unfit Lwt.t = "types_to_raise"
external to_callback : (int -> unfit -> unit) -> int -> unit = "types_to_callback"

external to_async_callback : (int -> unfit -> unit Lwt.t) -> int -> unit Lwt.t
  = "types_to_async_callback"

external to_remote : (int -> unfit -> unit) -> int -> unit Lwt.t = "types_to_remote"
external to_promise : int -> unfit Lwt.t = "types_to_promise"
external to_root : int -> unit = "types_to_root"
