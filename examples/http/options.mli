(** The command line. *)

type t = {
  address : string;
  domains : int;
  limits : Server.limits;
  timeout : float;
  deadline : float;
  upstream : string option;
  recycle : float option;
  rounds_per_us : float option;
}

type command = Serve of t | Calibrate

val parse : unit -> (command, int) result
(** The error is an exit code: of [--help] as well. *)
