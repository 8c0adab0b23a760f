type handle

external executor_open :
  int -> Obj.t array -> Obj.t array -> (handle * int, string) result
  = "lwt_interop_executor_open"

external init : unit -> unit = "lwt_interop_init"
external is_first_thread : unit -> bool = "lwt_interop_is_first_thread" [@@noalloc]
external executor_close : unit -> unit = "lwt_interop_executor_close"
external begin_turn : unit -> unit = "lwt_interop_begin_turn" [@@noalloc]
external budget_is_exhausted : unit -> bool = "lwt_interop_turn_is_over" [@@noalloc]
external consume_budget : unit -> bool = "lwt_interop_spend" [@@noalloc]
external record_received : int -> unit = "lwt_interop_received" [@@noalloc]
external should_continue : bool -> bool = "lwt_interop_goes_on" [@@noalloc]
external tick : unit -> int = "lwt_interop_tick"
external park : unit -> bool = "lwt_interop_park" [@@noalloc]
external clear_notification : unit -> bool = "lwt_interop_clear_wake" [@@noalloc]
external cancel_call : int -> unit = "lwt_interop_cancel_call"
external release_call : int -> unit = "lwt_interop_release_call" [@@noalloc]
external release_wait : int -> unit = "lwt_interop_release_wait" [@@noalloc]
external attach_wait : int -> Obj.t Lwt.t -> unit = "lwt_interop_attach_wait"
external resolve_wait : int -> bool -> Obj.t -> unit = "lwt_interop_settle_wait"
external notify : handle -> unit = "lwt_interop_notify" [@@noalloc]
external close_handle : handle -> unit = "lwt_interop_close_handle"
external stats : handle -> int array = "lwt_interop_stats"
external totals : unit -> int array = "lwt_interop_totals"
external blocking_pool_submit : unit -> bool = "lwt_interop_lane_submit"

module Batch = struct
  type t = Obj.t array

  (* Both must be those of runtime/src/ffi/batch.rs. *)
  let capacity = 256
  let fields = 3
  let empty = Obj.repr 0
  let create () = Array.make (fields * capacity) empty

  (* In the order of the numbers in runtime/src/ffi/batch.rs. *)
  type kind = Resolve | Reject | Apply | Cancel | Forget

  (* At these types an access does not test whether the array is one of floats. *)
  let ints (b : t) : int array = Obj.magic b
  let blocks (b : t) : unit ref array = Obj.magic b
  let start i = i * fields
  let key (b : t) i = Array.unsafe_get (ints b) (start i)
  let kind (b : t) i : kind = Obj.magic (Array.unsafe_get (ints b) (start i + 1) : int)

  let take (b : t) i =
    let content = Obj.repr (Array.unsafe_get (blocks b) (start i + 2)) in
    if Obj.is_block content then Array.unsafe_set (blocks b) (start i + 2) (Obj.obj empty);
    content

  (* Field 0 is the function, the others are its arguments. *)
  let application (block : Obj.t) () : Obj.t Lwt.t =
    let rec apply f i =
      if i = Obj.size block then f
      else apply ((Obj.obj f : Obj.t -> Obj.t) (Obj.field block i)) (i + 1)
    in
    Obj.obj (apply (Obj.field block 0) 1)
end

let executor_open id even odd =
  (* A [Unix.file_descr] is an int on every system that has eventfd. *)
  Result.map
    (fun (handle, fd) -> (handle, (Obj.magic (fd : int) : Unix.file_descr)))
    (executor_open id even odd)

module Resolver = struct
  type t = Obj.t

  let none = Obj.repr 0
  let is_none = Obj.is_int
  let make (u : 'a Lwt.u) = Obj.repr u
  let fulfill (r : t) (v : Obj.t) = Lwt.wakeup_later (Obj.obj r : Obj.t Lwt.u) v
  let reject (r : t) e = Lwt.wakeup_later_exn (Obj.obj r : Obj.t Lwt.u) e
end
