(** Functions of Rust's libraries for the handlers. *)

external sleep : float -> unit Lwt.t = "tools_sleep"
(** [sleep seconds] waits for a timer of tokio's. Cancelling it stops the timer. *)

external sleepers : unit -> int = "tools_sleepers"
(** [sleepers ()] is the number of such timers that run, on all domains. *)

external compact_json : string -> (string, string) result = "tools_compact_json"
(** [compact_json text] is the JSON document without blanks, or what is wrong with it. *)

external random_name : unit -> string = "tools_random_name"
(** [random_name ()] is 32 random hexadecimal digits, which cannot be guessed. *)

external panic : string -> unit Lwt.t = "tools_panic"
(** [panic message] is rejected with [Rust_panic]. *)
