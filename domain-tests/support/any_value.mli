(** Functions that take any OCaml value. The generated declarations say [Obj.t]; a program
    may say more. *)

external hold : 'a -> int -> 'a Lwt.t = "hold"
(** [hold v n] is [v], after [n] polls that were pending. *)

external drop_elsewhere : 'a -> int -> int -> unit Lwt.t = "drop_elsewhere"
(** [drop_elsewhere v where id] makes Rust drop [v] on another thread: its own, tokio's,
    the blocking pool's, or that of domain [id]. *)
