external ready : int -> int Lwt.t = "ready"
external yields : int -> int Lwt.t = "yields"
external timer : int -> float -> int Lwt.t = "timer"
external on_tokio : int -> int Lwt.t = "on_tokio"
external awaits : int Lwt.t -> int Lwt.t = "awaits"
external calls_back : (int -> int Lwt.t) -> int -> int Lwt.t = "calls_back"
external never : unit -> int Lwt.t = "never"
external fails : int -> int Lwt.t = "fails"
external panics : int -> int Lwt.t = "panics"

type visit = Ran of int | Panicked of string | Terminated of int

external visit : int -> panics:bool -> visit Lwt.t = "visit"
external silence_panics_on_purpose : unit -> unit = "silence_panics_on_purpose"
external leak : 'a -> unit = "leak"

let on_purpose = "on purpose"
