exception Alarm

type source = Signals | Memprof | Finalisers

let counts = List.map (fun s -> (s, Atomic.make 0)) [ Signals; Memprof; Finalisers ]
let raised source = Atomic.get (List.assoc source counts)
let is_armed = Atomic.make false

let is_ours slot file =
  let name = Option.value (Printexc.Slot.name slot) ~default:"" in
  String.starts_with ~prefix:"ocaml/lwt_interop/" file
  || List.mem name [ "Dlwt_rt.run_next_exit_action"; "Dlwt_rt.insist" ]

let is_handler file =
  List.mem (Filename.basename file) [ "raising.ml"; "printexc.ml"; "gc.ml"; "fun.ml" ]

let innermost_is_ours callstack =
  let slots = Option.value (Printexc.backtrace_slots callstack) ~default:[||] in
  let rec from i =
    i < Array.length slots
    &&
    match Printexc.Slot.location slots.(i) with
    | Some { filename; _ } when not (is_handler filename) -> is_ours slots.(i) filename
    | Some _ | None -> from (i + 1)
  in
  from 0

let raise_alarm count =
  if Atomic.get is_armed && innermost_is_ours (Printexc.get_callstack 12) then (
    Atomic.incr count;
    raise Alarm)

let raise_for source =
  let count = List.assoc source counts in
  fun () -> raise_alarm count

let by_signals f =
  let raise_alarm = raise_for Signals in
  Sys.set_signal Sys.sigalrm (Signal_handle (fun _ -> raise_alarm ()));
  let set seconds =
    ignore
      (Unix.setitimer ITIMER_REAL { it_interval = seconds; it_value = seconds }
        : Unix.interval_timer_status)
  in
  set 30e-6;
  Fun.protect f ~finally:(fun () ->
      Atomic.set is_armed false;
      set 0.;
      (* A last signal may be on its way. *)
      Sys.set_signal Sys.sigalrm Signal_ignore)

let drawn = Atomic.make 0

(* One call of eight, without a pattern. Neither [Random] nor [Domain.DLS] will do: the callbacks of a profile
   run on several domains, also on one that has no domain-local state yet. *)
let by_chance () = Hashtbl.hash (Atomic.fetch_and_add drawn 1) land 7 = 0

(* The domains that [f] spawns are profiled as well. *)
let by_memprof f =
  let raise_alarm = raise_for Memprof in
  let sampled (_ : Gc.Memprof.allocation) =
    if by_chance () then raise_alarm ();
    None
  in
  let tracker =
    { Gc.Memprof.null_tracker with alloc_minor = sampled; alloc_major = sampled }
  in
  let profile = Gc.Memprof.start ~sampling_rate:0.2 ~callstack_size:0 tracker in
  Fun.protect f ~finally:(fun () ->
      Atomic.set is_armed false;
      Gc.Memprof.stop ();
      Gc.Memprof.discard profile)

(* Another domain collects continuously, so that the calling one does at any point of its code. *)
let by_finalisers f =
  let raise_alarm = raise_for Finalisers in
  let is_over = Atomic.make false in
  let rec arm () = Gc.finalise_last finaliser (ref 0)
  and finaliser () =
    if not (Atomic.get is_over) then arm ();
    raise_alarm ()
  in
  let rec collect n =
    if not (Atomic.get is_over) then (
      if n mod 16 = 0 then Gc.full_major () else Gc.minor ();
      Unix.sleepf 1e-5;
      collect (n + 1))
  in
  let collector = Domain.spawn (fun () -> collect 1) in
  arm ();
  let alarm = Gc.create_alarm raise_alarm in
  Fun.protect f ~finally:(fun () ->
      Atomic.set is_armed false;
      Gc.delete_alarm alarm;
      Atomic.set is_over true;
      Domain.join collector)

let during source f =
  let f () =
    Atomic.set is_armed true;
    let result = f () in
    Atomic.set is_armed false;
    result
  in
  match source with
  | Signals -> by_signals f
  | Memprof -> by_memprof f
  | Finalisers -> by_finalisers f

let unless_interrupted f = try Some (f ()) with Alarm -> None
