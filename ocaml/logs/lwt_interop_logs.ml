open Lwt.Syntax

(* The numbers of levels are those of the constructors of [Logs.level]. *)
external install : (int -> string -> string -> unit) -> int -> int -> int
  = "lwt_interop_logs_install"

external set_level : int -> unit = "lwt_interop_logs_set_level"
external stop : int -> unit Lwt.t = "lwt_interop_logs_stop"
external take_lost : unit -> int = "lwt_interop_logs_take_lost" [@@noalloc]

let src = Logs.Src.create "lwt_interop.logs" ~doc:"the bridge from Rust's tracing"

(* No event of Rust has the level [App]. *)
let number = function
  | None | Some Logs.App -> 0
  | Some Error -> 1
  | Some Warning -> 2
  | Some Info -> 3
  | Some Debug -> 4

let level = function 1 -> Logs.Error | 2 -> Warning | 3 -> Info | _ -> Debug

(* Of all domains: a source is created once. *)
let sources : (string, Logs.Src.t) Hashtbl.t = Hashtbl.create 16
let sources_lock = Mutex.create ()

let source target =
  Mutex.protect sources_lock (fun () ->
      match Hashtbl.find_opt sources target with
      | Some source -> source
      | None ->
          let source = Logs.Src.create target ~doc:"a target of Rust's tracing" in
          Hashtbl.replace sources target source;
          source)

let report_lost () =
  let lost = take_lost () in
  if lost > 0 then Logs.warn ~src (fun m -> m "events of Rust that were dropped: %d" lost)

(* After an exception the next events are reported all the same. *)
let report number target text =
  try
    report_lost ();
    Logs.msg ~src:(source target) (level number) (fun m -> m "%s" text)
  with e -> Lwt.Dlwt_private.async_exception e

(* Of the last call on this domain. *)
let installed : int option Domain.DLS.key = Domain.DLS.new_key (fun () -> None)

let stop () =
  match Domain.DLS.get installed with
  | None -> Lwt.return_unit
  | Some id ->
      let+ () = stop id in
      report_lost ()

let install ?level ?(capacity = 1000) () =
  if capacity < 1 then invalid_arg "Lwt_interop_logs.install: the capacity is less than 1";
  let level = match level with Some level -> level | None -> Logs.level () in
  if Domain.DLS.get installed = None then Lwt_main.at_exit stop;
  Domain.DLS.set installed (Some (install report capacity (number level)))

let set_level level = set_level (number level)
