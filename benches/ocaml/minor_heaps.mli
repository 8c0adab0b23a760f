(** The minor heaps of programs that use [Lwt_interop.run]. *)

val use_that_of_run : unit -> unit
(** [use_that_of_run ()] gives the calling domain the minor heap that [Lwt_interop.run]
    and [Pool.create] choose for two domains. *)
