(** The command line. *)

type t = {
  address : string;
  io : Lwt_interop.Pool.tokio;  (** Where connections are served. *)
  domains : int;
  limits : Rust.limits;
  timeout : float;
  deadline : float;
  session_bytes : int;
  upstream : string option;
  recycle : float option;
  rounds_per_us : float option;
}

type command = Serve of t | Calibrate

val parse : unit -> (command, int) result
(** [parse ()] is the command, or an exit code if there is nothing to do, as after
    [--help]. *)
