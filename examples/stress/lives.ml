open Lwt.Syntax
open Lwt_interop

type t = {
  seats : Handle.t option Atomic.t array;
  seed : int;
  mutable started : int;
  mutable ended : int;
}

let create ~seats ~seed =
  let seats = Array.init seats (fun _ -> Atomic.make None) in
  { seats; seed; started = 0; ended = 0 }

(* How many calls a domain has under way. *)
let fibers = 20
let shortest = 0.05
let longest = 0.5

(* What a domain does in its loop. What is under way when that ends comes to
   [Domain_terminated]. *)
let live t seat rng =
  let own = Handle.current () in
  Atomic.set t.seats.(seat) (Some own);
  let peer () =
    let seat = Random.State.int rng (Array.length t.seats) in
    Option.value (Atomic.get t.seats.(seat)) ~default:own
  in
  let rec busy () =
    let* () = Calls.any ~own ~peer:(peer ()) rng in
    (* Never comes when the loop has ended, and so ends the fiber. *)
    let* () = Lwt.pause () in
    busy ()
  in
  for _ = 1 to fibers do
    Lwt.async busy
  done;
  Lwt_unix.sleep (shortest +. Random.State.float rng (longest -. shortest))

let one t seat =
  let home = Handle.current () in
  let rng = Random.State.make [| t.seed; t.started |] in
  let at_end, tell = Lwt.wait () in
  let body () =
    (* Registered before the first use of Lwt, and so called after the end of Lwt. *)
    Domain.at_exit (fun () -> ignore (Handle.post home (Lwt.wakeup_later tell) : bool));
    Lwt_main.run (live t seat rng)
  in
  let domain = Domain.spawn body in
  t.started <- t.started + 1;
  let* () = at_end in
  t.ended <- t.ended + 1;
  Lwt.return (Domain.join domain)

let keep t ~while_ =
  let rec keep seat =
    if while_ () then Lwt.bind (one t seat) (fun () -> keep seat) else Lwt.return_unit
  in
  let give_up e = Lwt.return (Tally.fail "a domain: %s" (Printexc.to_string e)) in
  let keep seat = Lwt.catch (fun () -> keep seat) give_up in
  Lwt.join (List.init (Array.length t.seats) keep)
