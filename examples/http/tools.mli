(** What handlers use of Rust's libraries. *)

external sleep : float -> unit Lwt.t = "tools_sleep"
(** A timer of tokio's, for so many seconds. *)

external sleepers : unit -> int = "tools_sleepers"
(** How many such timers run, on all domains. *)

external compact_json : string -> (string, string) result = "tools_compact_json"
(** JSON without the blanks, or what is wrong with it. *)

external random_name : unit -> string = "tools_random_name"
(** 32 hexadecimal digits that nobody can guess. *)

external panic : string -> unit Lwt.t = "tools_panic"
(** A Rust function with a bug: rejected with [Rust_panic]. *)
