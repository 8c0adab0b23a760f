open Lwt.Syntax
open Lwt_interop

type t = {
  slots : Handle.t option Atomic.t array;
  seed : int;
  mutable started : int;
  mutable ended : int;
}

let create ~slots ~seed =
  let slots = Array.init slots (fun _ -> Atomic.make None) in
  { slots; seed; started = 0; ended = 0 }

(* The number of calls that a domain has in progress. *)
let fibers = 20
let shortest = 0.05
let longest = 0.5

(* The work of a domain in its loop. Calls that are in progress when it ends fail with
   [Domain_terminated]. *)
let live t slot rng =
  let own = Handle.current () in
  Atomic.set t.slots.(slot) (Some own);
  let peer () =
    let slot = Random.State.int rng (Array.length t.slots) in
    Option.value (Atomic.get t.slots.(slot)) ~default:own
  in
  let rec busy () =
    let* () = Calls.any ~own ~peer:(peer ()) rng in
    (* Never fulfilled once the loop has ended, which ends the fiber. *)
    let* () = Lwt.pause () in
    busy ()
  in
  for _ = 1 to fibers do
    Lwt.async busy
  done;
  Lwt_unix.sleep (shortest +. Random.State.float rng (longest -. shortest))

let one t slot =
  let home = Handle.current () in
  let rng = Random.State.make [| t.seed; t.started |] in
  let ended, resolver = Lwt.wait () in
  let body () =
    (* Registered before the first use of Lwt, so it runs after the end of Lwt. *)
    Domain.at_exit (fun () ->
        ignore (Handle.post home (Lwt.wakeup_later resolver) : bool));
    Lwt_main.run (live t slot rng)
  in
  let domain = Domain.spawn body in
  t.started <- t.started + 1;
  let* () = ended in
  t.ended <- t.ended + 1;
  Lwt.return (Domain.join domain)

let keep t ~while_ =
  let rec keep slot =
    if while_ () then Lwt.bind (one t slot) (fun () -> keep slot) else Lwt.return_unit
  in
  let give_up e = Lwt.return (Tally.fail "a domain: %s" (Printexc.to_string e)) in
  let keep slot = Lwt.catch (fun () -> keep slot) give_up in
  Lwt.join (List.init (Array.length t.slots) keep)
