(** System calls that threads of the process's pool run for a domain's loop, and what
    becomes of them when the domain ends first. *)

type 'a t
(** Lwt's C structure of a job, which is freed by the function that reads its result. *)

val start : 'a t -> here:bool -> bool
(** Starts a job. True if it has been done at once, in the calling domain: because it is
    to be [here], because the pool is full, or because the domain's mailbox is closed and
    could not be told when it is done. *)

val check : 'a t -> Dlwt_mailbox.id -> bool
(** Whether a job that {!start} gave to the pool is done. If not, a notification is sent
    when it is. False if the domain's mailbox is closed: the job has been {!leave}d. *)

val leave : 'a t -> discard:(unit -> unit) -> unit
(** [leave job ~discard] is for the end of a domain: [discard] is called once, when the
    job is done. If that is now, here and at once; else in the next domain that starts a
    job. It reads the job's result, which frees it, and gives back what the result holds.
    Its closure stays until then, so what the system call works on can be kept in it. It
    must not use promises. What it raises is dropped. *)
