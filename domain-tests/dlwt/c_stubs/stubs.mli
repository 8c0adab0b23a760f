val square : int -> int Lwt.t
val notified : unit -> unit Lwt.t
