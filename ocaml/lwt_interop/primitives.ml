type handle

external executor_open :
  int ->
  Obj.t array ->
  Obj.t array ->
  Obj.t Lwt.t ->
  Obj.t Slot_table.t ->
  (handle * int, string) result = "lwt_interop_executor_open"

external initialize : (string * string) array -> string = "lwt_interop_initialize"
external sigpipe_is_default : unit -> bool = "lwt_interop_sigpipe_is_default" [@@noalloc]
external is_first_thread : unit -> bool = "lwt_interop_is_first_thread" [@@noalloc]
external executor_close_step : unit -> bool = "lwt_interop_executor_close"
external reactor_open : unit -> string = "lwt_interop_reactor_open"

external reactor_wait : epfd:int -> instance:int -> milliseconds:int -> Dlwt_epoll.waited
  = "lwt_interop_reactor_wait"

external reactor_leave : unit -> unit = "lwt_interop_reactor_leave" [@@noalloc]
external end_sleep : unit -> unit = "lwt_interop_end_sleep" [@@noalloc]
external refill_budget : unit -> unit = "lwt_interop_refill_budget" [@@noalloc]

external budget_is_exhausted : unit -> bool = "lwt_interop_budget_is_exhausted"
[@@noalloc]

external consume_budget : unit -> bool = "lwt_interop_consume_budget" [@@noalloc]
external record_received : unit -> unit = "lwt_interop_record_received" [@@noalloc]
external should_continue : bool -> bool = "lwt_interop_should_continue" [@@noalloc]
external tick : unit -> int = "lwt_interop_tick"
external park : unit -> bool = "lwt_interop_park" [@@noalloc]
external clear_notification : unit -> bool = "lwt_interop_clear_notification" [@@noalloc]
external cancel_call : int -> unit = "lwt_interop_cancel_call"
external release_call : int -> bool = "lwt_interop_release_call" [@@noalloc]
external release_wait : int -> unit = "lwt_interop_release_wait" [@@noalloc]
external attach_wait : int -> Obj.t Lwt.t -> unit = "lwt_interop_attach_wait"
external resolve_wait : int -> bool -> Obj.t -> unit = "lwt_interop_resolve_wait"
external notify : handle -> unit = "lwt_interop_notify" [@@noalloc]
external close_handle : handle -> unit = "lwt_interop_close_handle"
external stats : handle -> int array = "lwt_interop_stats"
external totals : unit -> int array = "lwt_interop_totals"
external blocking_pool_submit : unit -> string = "lwt_interop_blocking_pool_submit"

type ending = More | Finished | Failed of exn
type 'a batch = { elements : 'a array; ending : ending }

external stream_pull : int -> int -> 'a batch Lwt.t = "lwt_interop_stream_pull"
external stream_close : int -> unit = "lwt_interop_stream_close"

external stream_fitting : 'a array -> int -> int -> int = "lwt_interop_stream_fitting"
[@@noalloc]

type guard = Obj.t

let no_guard = Obj.repr 0

external guard : (unit -> unit Lwt.t) -> guard = "lwt_interop_guard"

let forget (elements : 'a array) i =
  if Obj.tag (Obj.repr elements) <> Obj.double_array_tag then
    (* At this type the access does not test whether the array is one of floats. *)
    Array.unsafe_set (Obj.magic elements : unit ref array) i (Obj.magic 0 : unit ref)

module Batch = struct
  type t = Obj.t array

  let capacity = 256
  let fields = 3
  let empty = Obj.repr 0
  let create () = Array.make (fields * capacity) empty

  type kind = Fulfill | Reject | Apply | Cancel | Forget

  (* In the order of the constructors. *)
  let kinds = "Fulfill Reject Apply Cancel Forget"

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

module Ring = struct
  type t = Obj.t
  type sender
  type receiver

  let none = Obj.repr 0
  let is_none = Obj.is_int

  (* [Atomic.get] and [set] access the first field of a block. *)
  let published c = Atomic.get (Obj.magic c : t Atomic.t)
  let publish c ring = Atomic.set (Obj.magic c : t Atomic.t) ring

  type sent = Sent | Refused | Full | Sender of unit Lwt.t * sender | Not_sent of exn

  type 'a received =
    | Empty
    | Ended
    | Received of 'a
    | Receiver of unit Lwt.t * receiver
    | Not_received of exn

  type settled = Accepted | Too_late | Withdrawn

  (* In the order of the constructors. *)
  let sent = "Sent Refused Full | Sender Not_sent"
  let received = "Empty Ended | Received Receiver Not_received"
  let settled = "Accepted Too_late Withdrawn"
  let wait = 1
  let array = 2
  let flags = Printf.sprintf "wait=%d array=%d" wait array
  let fields = "ring capacity local"

  external send : t -> 'a -> int -> sent = "lwt_interop_channel_send"
  external receive : t -> int -> int -> 'a received = "lwt_interop_channel_receive"
  external take : receiver -> 'a received = "lwt_interop_channel_take"
  external abandon : receiver -> unit = "lwt_interop_channel_abandon"
  external settle : sender -> settled = "lwt_interop_channel_settle"
  external close : t -> unit = "lwt_interop_channel_close"
  external is_closed : t -> bool = "lwt_interop_channel_is_closed" [@@noalloc]
  external length : t -> int = "lwt_interop_channel_length" [@@noalloc]
  external keep : t -> 'a array -> string = "lwt_interop_channel_keep"
  external unkeep : t -> int -> unit = "lwt_interop_channel_unkeep"
  external put : t -> int -> unit = "lwt_interop_channel_put" [@@noalloc]
  external forget : t -> unit = "lwt_interop_channel_forget"
  external resume : t -> unit = "lwt_interop_channel_resume"
end

let file_descr (fd : int) : Unix.file_descr = Obj.magic fd

module Resolver = struct
  type t = Obj.t

  let none = Obj.repr 0
  let make (u : 'a Lwt.u) = Obj.repr u
  let resolver (r : t) : Obj.t Lwt.u = Obj.obj r
  let promise (r : t) : Obj.t Lwt.t = Obj.obj r

  (* Lwt 5 and 6 have one block for both. *)
  let is_promise () =
    let p, u = Lwt.wait () in
    Obj.repr p == make u

  let is_pending r = (not (Obj.is_int r)) && Lwt.is_sleeping (promise r)
  let fulfill r v = if is_pending r then Lwt.wakeup_later (resolver r) v
  let reject r e = if is_pending r then Lwt.wakeup_later_exn (resolver r) e
end

(* The loop polls between the steps, so that other domains' collections go on. *)
let rec executor_close () = if executor_close_step () then executor_close ()
let identified r = Obj.obj (Obj.with_tag Obj.object_tag (Obj.repr r))
let jobs_per_round = 32
let permits = 256
let handle_field = 0
let endings = "More=0 Finished=1 Failed=tag 0"
let table_fields = "values=0"
let batch_fields = "elements=0 ending=1"

(* Of the record [Stream_core.t]. *)
let stream_home = 0

(* In the order of the functions' array in [Handle.stats] and [Lwt_interop.totals]. *)
let stats_order = "polls messages_in messages_out wakeups alive busy"

let totals_order =
  "calls_started calls_resolved late_completions roots slots tasks messages tokio_tasks \
   domains blocking_pool_threads blocking_pool_queue"

(* Rust states the same, in the same order: see runtime/src/entry/facts.rs. *)
let facts =
  [|
    ("the capacity of a batch", string_of_int Batch.capacity);
    ("the fields of a batch's entry", string_of_int Batch.fields);
    ("the kinds of a batch's entries", Batch.kinds);
    (* In the order of the constructors of [Dlwt_epoll.waited]. *)
    ("the outcomes of a wait", "Quiet Events Elsewhere");
    ("the jobs of a round", string_of_int jobs_per_round);
    ("the permits of the blocking pool", string_of_int permits);
    ("the kinds of exceptions", Errors.kinds);
    ("the field of a handle", string_of_int handle_field);
    ("the fields of a table", table_fields);
    ("the fields of a channel", Ring.fields);
    ("the outcomes of sending", Ring.sent);
    ("the outcomes of receiving", Ring.received);
    ("the outcomes of a sender", Ring.settled);
    ("the flags of channels", Ring.flags);
    ("the endings of a stream's batch", endings);
    ("the fields of a stream's batch", batch_fields);
    ("the field of a stream's domain", string_of_int stream_home);
    ("the order of Handle.stats", stats_order);
    ("the order of totals", totals_order);
  |]

let initialize () =
  if not (Resolver.is_promise ()) then
    failwith "Lwt_interop: this version of Lwt has resolvers that are no promises";
  match initialize facts with
  | "" -> ()
  | difference -> failwith ("Lwt_interop: " ^ difference)
