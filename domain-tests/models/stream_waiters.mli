(** Waits on one domain, which are cancelled, while elements are delivered, the source
    ends, and the stream is closed or moved. *)

val tests : QCheck.Test.t list
