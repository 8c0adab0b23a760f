(** Blocking system calls, run for a domain's loop by the threads of a pool that all
    domains share, and what becomes of them when the domain terminates first.
    [Lwt_unix.run_job] is built on it:

    {[
      if Dlwt_jobs.start job ~here:false then result job
      else
        let id = Dlwt_mailbox.make ~once:true (fun () -> fulfill (result job)) in
        if Dlwt_jobs.check job id then ...
    ]} *)

type 'a t
(** Lwt's C structure of a job. The function that reads its result frees it. *)

val start : 'a t -> here:bool -> bool
(** [start job ~here] starts [job]. Returns [true] if it has already run, in the calling
    domain: because [here] is set, because the pool is full, or because the domain's
    mailbox is closed, so that the domain could not be notified. *)

val check : 'a t -> Dlwt_mailbox.id -> bool
(** [check job id] is [true] if a [job] that {!start} gave to the pool is done. Otherwise
    the notification [id] is sent when it is. Always [false] if the domain's mailbox is
    closed: then the job has been abandoned. *)

val abandon : 'a t -> discard:(unit -> unit) -> unit
(** [abandon job ~discard] is for a domain that terminates. [discard] is called once, when
    the job is done: at once if it is done now, otherwise in the next domain that starts a
    job. [discard] reads the job's result, which frees the job, and releases what the
    result holds. Its closure is kept until then, so it can keep alive what the system
    call works on. It must not use promises. Exceptions that it raises are ignored. *)

val after_fork : unit -> unit
(** Resets the pool in a forked child, which has none of its parent's threads. *)
