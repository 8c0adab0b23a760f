(** The Rust functions of [domain-tests/src]. A [tag] is any number that the test chooses.
*)

(** {1 Calls} *)

external my_async_func : unit -> unit Lwt.t = "my_async_func"
external ready_add : int -> int -> int Lwt.t = "ready_add"
external yield_n : int -> string -> string Lwt.t = "yield_n"

external six : int -> float -> string -> bool -> int option -> int array -> string Lwt.t
  = "six_bytecode" "six"

external six_sync : int -> float -> string -> bool -> unit -> int64 -> string
  = "six_sync_bytecode" "six_sync"

external twelve :
  int ->
  int ->
  int ->
  int ->
  int ->
  int ->
  int ->
  int ->
  int ->
  int ->
  int ->
  string ->
  string Lwt.t = "twelve_bytecode" "twelve"

external structured : int -> (string * float array * string option) Lwt.t = "structured"

type shape = Nothing | Circle of float | Rectangle of float * float
type entry = { name : string; size : int; tags : string list; shape : shape }

external tagged : entry -> string -> entry Lwt.t = "tagged"

external negated : int -> float -> int32 -> int64 -> (int * float * int32 * int64) Lwt.t
  = "negated"

external lengths : (string * string) list -> (string * int) list Lwt.t = "lengths"

external hold : 'a -> int -> 'a Lwt.t = "hold"
(** [hold v n] is [v], after [n] polls that were pending. *)

external checked_div : int -> int -> (int, string) result Lwt.t = "checked_div"
external checked_div_exn : int -> int -> int Lwt.t = "checked_div_exn"
external length : string -> int = "length"
external parse : string -> int = "parse"
external where_am_i : unit -> (int * bool) Lwt.t = "where_am_i"

(** {1 tokio} *)

external on_tokio : string -> (string * string) Lwt.t = "on_tokio"
external connect_nowhere : unit -> unit Lwt.t = "connect_nowhere"
external sum_blocking : int array -> int Lwt.t = "sum_blocking"
external sleep_blocking : int -> unit Lwt.t = "sleep_blocking"
external read_nothing : string -> string Lwt.t = "read_nothing"
external use_tokio : int -> string Lwt.t = "use_tokio"
external tokio_in_stub : unit -> bool = "tokio_in_stub"
external wake_ups : int -> int Lwt.t = "wake_ups"

(** {1 Failures} *)

external panics : int -> int Lwt.t = "panics"
external panics_sync : unit -> unit = "panics_sync"
external panics_tokio : unit -> unit Lwt.t = "panics_tokio"
external panics_blocking : unit -> unit Lwt.t = "panics_blocking"
external panics_with_value : unit -> unit Lwt.t = "panics_with_value"
external panics_over_exception : (unit -> unit) -> unit Lwt.t = "panics_over_exception"
external takes_even : int -> int Lwt.t = "takes_even"
external fails_to_fail : unit -> unit Lwt.t = "fails_to_fail"
external never : int -> unit Lwt.t = "never"
external never_locked : unit -> unit Lwt.t = "never_locked"
external lock_is_free : unit -> bool = "lock_is_free"
external never_tokio : int -> unit Lwt.t = "never_tokio"
external never_with_panicking_drop : int -> unit Lwt.t = "never_with_panicking_drop"

external never_with_panicking_drop_tokio : int -> unit Lwt.t
  = "never_with_panicking_drop_tokio"

external spawn_panicking_drops : int -> int -> unit = "spawn_panicking_drops"
external send_panicking_drop : int -> string Lwt.t = "send_panicking_drop"
external cancelled_within : (unit -> unit) -> int Lwt.t = "cancelled_within"
external futures_alive : int -> int = "futures_alive"

external wakers_that_panic : unit Lwt.t -> int -> unit Lwt.t -> bool Lwt.t
  = "wakers_that_panic"

external backtrace_of_callback : (unit -> unit) -> string option = "backtrace_of_callback"

(** {1 Promises and callbacks} *)

external await_promise : string Lwt.t -> string Lwt.t = "await_promise"
external await_briefly : unit Lwt.t -> int -> bool Lwt.t = "await_briefly"
external await_for_polls : unit Lwt.t -> int -> bool Lwt.t = "await_for_polls"
external first_of : unit Lwt.t -> unit Lwt.t -> bool -> int Lwt.t = "first_of"
external promise_from_thread : string -> string Lwt.t = "promise_from_thread"
external promise_dropped : unit -> string Lwt.t = "promise_dropped"
external promise_rejected : string -> string Lwt.t = "promise_rejected"
external promise_kept : int -> string Lwt.t = "promise_kept"
external resolve_kept : int -> string -> bool -> string option Lwt.t = "resolve_kept"
external reject_kept : int -> string -> bool = "reject_kept"
external drop_kept : int -> unit = "drop_kept"
external pass_exception : unit Lwt.t -> unit Lwt.t = "pass_exception"
external call_sync : (int -> string -> string) -> int -> string = "call_sync"
external call_at_end : int -> (unit -> unit) -> int Lwt.t = "call_at_end"

external call_before_fulfilling : (unit -> unit) -> string Lwt.t
  = "call_before_fulfilling"

external call_from_task : (int -> string -> string) -> int -> string Lwt.t
  = "call_from_task"

external call_seven :
  (int -> float -> string -> bool -> int -> int -> int array -> string) -> string Lwt.t
  = "call_seven"

external call_async : (int -> int Lwt.t) -> int -> int Lwt.t = "call_async"
external call_async_once : (int -> int Lwt.t) -> int -> int Lwt.t = "call_async_once"
external call_all : (int -> string -> string Lwt.t) -> int -> int Lwt.t = "call_all"
external call_unit : (unit -> unit Lwt.t) -> unit Lwt.t = "call_unit"
external call_until : (unit -> unit Lwt.t) -> unit Lwt.t -> int Lwt.t = "call_until"

(** {1 Other domains} *)

external known_domains : unit -> int array = "known_domains"

external task_on : int -> (int * int) Lwt.t = "task_on"
(** [task_on id] runs a task on domain [id]. The result is the domain that the task ran
    on, and the number of such tasks there so far. *)

external task_on_from_tokio : int -> int Lwt.t = "task_on_from_tokio"
external work_from_thread : int -> (int * int) Lwt.t = "work_from_thread"
external closure_from_blocking_pool : int -> int Lwt.t = "closure_from_blocking_pool"
external call_blocking_here : unit -> string * string = "call_blocking_here"

external task_with_outcome : Lwt_interop.Handle.t -> int -> int Lwt.t
  = "task_with_outcome"

external pending_task_on : int -> int -> bool -> string Lwt.t = "pending_task_on"

external pending_task_on_from_tokio : int -> int -> string Lwt.t
  = "pending_task_on_from_tokio"

external closure_on : int -> string Lwt.t = "closure_on"
external local_tasks : int -> int -> (int * string) Lwt.t = "local_tasks"
external remember_domain : unit -> unit = "remember_domain"
external work_for_terminated : unit -> (string * int) array Lwt.t = "work_for_terminated"
external misuse : unit -> (string * string * string) Lwt.t = "misuse"
external spawn_local_elsewhere : unit -> string Lwt.t = "spawn_local_elsewhere"
external nested_executors : unit -> (string * string) Lwt.t = "nested_executors"
external ask_at_thread_end : unit -> unit = "ask_at_thread_end"
external answers_at_thread_end : unit -> string array = "answers_at_thread_end"
external panic_elsewhere : int -> int -> string Lwt.t = "panic_elsewhere"
external ocaml_blocking : (unit -> int) -> int Lwt.t = "ocaml_blocking"
external ocaml_blocking_panics : unit -> unit Lwt.t = "ocaml_blocking_panics"

external ocaml_blocking_fill : (unit -> unit) -> (int * int * int * int) Lwt.t
  = "ocaml_blocking_fill"

external spin : int -> unit = "spin"
external units : unit -> int = "units"
external always_ready : int -> int -> unit Lwt.t = "always_ready"
external flood : int -> int -> unit Lwt.t = "flood"

(** {1 OCaml values that Rust keeps} *)

external keep : int -> string -> unit = "keep"
external kept : int -> string option = "kept"
external forget : int -> unit = "forget"
external drop_elsewhere : 'a -> int -> int -> unit Lwt.t = "drop_elsewhere"

external drop_exception_elsewhere : unit Lwt.t -> string Lwt.t
  = "drop_exception_elsewhere"

(** {1 Rust values that OCaml keeps} *)

type thing

external thing_create : int -> thing = "thing_create"
external thing_with_panicking_drop : int -> thing = "thing_with_panicking_drop"
external thing_calling : int -> (unit -> unit) -> thing = "thing_calling"
external thing_slow : int -> int -> thing = "thing_slow"
external thing_spawning : int -> thing = "thing_spawning"
external thing_notifying : int -> thing = "thing_notifying"
external thing_dropped : int -> unit Lwt.t = "thing_dropped"
external things_dropped : int -> int array = "things_dropped"
external thing_tag : thing -> int = "thing_tag"
external thing_tag_later : thing -> int Lwt.t = "thing_tag_later"
external thing_through_tokio : thing -> thing Lwt.t = "thing_through_tokio"
external thing_tags : thing array -> thing option -> int array Lwt.t = "thing_tags"
external thing_of : (unit -> thing) -> int = "thing_of"
external thing_share : thing -> unit = "thing_share"
external thing_take_share : int -> thing option = "thing_take_share"

type other_thing

external other_thing : unit -> other_thing = "other_thing"
external handle_seen : Lwt_interop.Handle.t -> int * bool = "handle_seen"

external handle_seen_on_tokio : Lwt_interop.Handle.t -> (int * bool) Lwt.t
  = "handle_seen_on_tokio"

(** Declarations whose types are wrong on purpose. *)
module Wrong = struct
  external thing_tag : 'a -> int = "thing_tag"
  external thing_tag_later : 'a -> int Lwt.t = "thing_tag_later"
  external thing_through_tokio : 'a -> thing Lwt.t = "thing_through_tokio"
  external thing_of : (unit -> 'a) -> int = "thing_of"
  external handle_seen : 'a -> int * bool = "handle_seen"
  external handle_seen_on_tokio : 'a -> (int * bool) Lwt.t = "handle_seen_on_tokio"
end

(** {1 Functions that threads call} *)

external remote_keep : int -> (int -> int Lwt.t) -> unit = "remote_keep"
external remote_drop : int -> int -> unit Lwt.t = "remote_drop"
external remote_call : int -> int -> int -> (int, string) result Lwt.t = "remote_call"
external remote_call_here : int -> int -> int Lwt.t = "remote_call_here"

external remote_call_now : (int -> int) -> Lwt_interop.Handle.t option -> int Lwt.t
  = "remote_call_now"

external remote_call_async_now : (int -> int Lwt.t) -> int = "remote_call_async_now"

external remote_call_until : int -> int -> unit Lwt.t -> bool -> unit Lwt.t
  = "remote_call_until"

external remote_call_dropped : int -> int -> bool -> unit = "remote_call_dropped"

type workers

external workers_create : unit -> workers = "workers_create"
external workers_len : workers -> int = "workers_len"
external workers_join : workers -> (int -> int Lwt.t) -> unit = "workers_join"
external workers_leave : workers -> Lwt_interop.Handle.t -> unit Lwt.t = "workers_leave"

external workers_leave_on_tokio : workers -> Lwt_interop.Handle.t -> unit Lwt.t
  = "workers_leave_on_tokio"

external workers_leave_with_panicking_waker : workers -> Lwt_interop.Handle.t -> bool
  = "workers_leave_with_panicking_waker"

external workers_call : workers -> int -> int -> int -> (int, string) result Lwt.t
  = "workers_call"

external workers_call_until : workers -> int -> int -> unit Lwt.t -> unit Lwt.t
  = "workers_call_until"

external workers_call_dropped : workers -> int -> int -> unit = "workers_call_dropped"
external stress_call_begins : int -> bool = "stress_call_begins"
external stress_stop : unit -> unit = "stress_stop"
external stress_calls : workers -> int -> int -> int array Lwt.t = "stress_calls"

(** {1 Hangs} *)

external watch : string -> int -> unit = "watch"
