(* Functions of [domain-tests/src/types.rs], with declarations that say less than the generated ones: values
   that do not fit the Rust types pass the compiler. *)

(* [Rust.value] has the types. *)
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

external sync : value -> int = "types_sync" [@@ocaml_lwt.unchecked]
external with_token : value -> int = "types_with_token" [@@ocaml_lwt.unchecked]

external third : int -> string -> value -> (int, string) result = "types_third"
[@@ocaml_lwt.unchecked]

external ready : value -> int Lwt.t = "types_ready" [@@ocaml_lwt.unchecked]
external pending : value -> int Lwt.t = "types_pending" [@@ocaml_lwt.unchecked]
external tokio : value -> int Lwt.t = "types_tokio" [@@ocaml_lwt.unchecked]
external blocking : value -> int Lwt.t = "types_blocking" [@@ocaml_lwt.unchecked]
external raise_ : value -> int Lwt.t = "types_raise" [@@ocaml_lwt.unchecked]
external root : value -> int Lwt.t = "types_root" [@@ocaml_lwt.unchecked]
external root_sync : value -> int = "types_root_sync" [@@ocaml_lwt.unchecked]
external callback : (unit -> value) -> int = "types_callback" [@@ocaml_lwt.unchecked]

external callback_in_task : (unit -> value) -> int Lwt.t = "types_callback_in_task"
[@@ocaml_lwt.unchecked]

external async_callback : (unit -> value Lwt.t) -> int Lwt.t = "types_async_callback"
[@@ocaml_lwt.unchecked]

external remote : (unit -> value) -> int Lwt.t = "types_remote" [@@ocaml_lwt.unchecked]
external promise : value Lwt.t -> int Lwt.t = "types_promise" [@@ocaml_lwt.unchecked]

(* [Rust.prepared] has the types. *)
type prepared = Mailbox of Obj.t | Beside of Obj.t * Obj.t * Obj.t

external prepared_sync : prepared -> int = "types_prepared_sync" [@@ocaml_lwt.unchecked]

external prepared_tokio : prepared -> int Lwt.t = "types_prepared_tokio"
[@@ocaml_lwt.unchecked]

external prepared_root : prepared -> int Lwt.t = "types_prepared_root"
[@@ocaml_lwt.unchecked]

external prepared_callback : (unit -> prepared) -> int = "types_prepared_callback"
[@@ocaml_lwt.unchecked]

external prepared_async_callback : (unit -> prepared Lwt.t) -> int Lwt.t
  = "types_prepared_async_callback"
[@@ocaml_lwt.unchecked]

external prepared_remote : (unit -> prepared) -> int Lwt.t = "types_prepared_remote"
[@@ocaml_lwt.unchecked]

external prepared_promise : prepared Lwt.t -> int Lwt.t = "types_prepared_promise"
[@@ocaml_lwt.unchecked]

external prepared_stream : prepared Lwt_interop.Stream.t -> int Lwt.t
  = "types_prepared_stream"
[@@ocaml_lwt.unchecked]
