(** Domains whose outcome is a promise. *)

val spawn : (unit -> 'a Lwt.t) -> 'a Lwt.t
(** [spawn main] runs [Lwt_main.run (main ())] in a new domain. When that domain has
    terminated, which includes its exit functions and its systhreads, the promise is
    resolved with the result, or rejected with the exception that has left [main] or, if
    none has, an exit function. With [Domain.spawn] an exception shows only in
    [Domain.join], which blocks the loop that calls it; here that loop goes on.

    [main] and its result move to another domain: they must not refer to pending promises.
    The promise cannot be cancelled.

    @raise Failure if the process has too many domains, as [Domain.spawn]. *)
