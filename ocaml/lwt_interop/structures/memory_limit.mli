(** The memory that the process may use, as Linux says in [/proc] and [/sys].

    {[
      let () =
        let limit = Memory_limit.read () in
        if limit.memory < 1 lsl 28 then prerr_endline "less than 256 MB"
    ]} *)

type t = {
  memory : int;
      (** In bytes: the machine's or, if that is less, what the control groups of the
          process may have, version 1 or 2. *)
  address_space : int;  (** In bytes, as [ulimit -v] sets it. *)
}
(** [max_int] is no limit, and what cannot be read. *)

val read : ?root:string -> unit -> t
(** [read ()] reads the limits, from the files below [root] for tests. *)
