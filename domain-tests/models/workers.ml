open Lwt.Syntax
module Handle = Lwt_interop.Handle

type life = Stays | Leaves

let show_life = function Stays -> "stays" | Leaves -> "leaves"
let gen_life = QCheck.Gen.(frequency [ (2, return Stays); (1, return Leaves) ])

type worker = {
  domain : unit Domain.t;
  (* Once its part is done: its handle, and a function that ends its loop and must be called
     there. *)
  finished : (Handle.t * (unit -> unit)) option Atomic.t;
  life : life;
}

type t = { workers : worker list; unhandled : string list Atomic.t }

let unhandled t = Atomic.get t.unhandled

let wait_until condition =
  let rec go n =
    if not (condition ()) then (
      if n < 100 then Domain.cpu_relax () else Unix.sleepf 1e-5;
      go (n + 1))
  in
  go 0

let rec prepend list x =
  let seen = Atomic.get list in
  if not (Atomic.compare_and_set list seen (x :: seen)) then prepend list x

let start parts =
  let unhandled = Atomic.make [] and missing = Atomic.make (List.length parts) in
  let report e = prepend unhandled (Printexc.to_string e) in
  let start_worker (life, part) =
    let finished = Atomic.make None in
    let body () =
      Dlwt.set_async_exception_hook (Some report);
      let stopped, u = Lwt.wait () in
      let me = Handle.current () in
      Atomic.decr missing;
      wait_until (fun () -> Atomic.get missing = 0);
      (try Lwt_main.run (part ()) with e -> report e);
      Atomic.set finished (Some (me, Lwt.wakeup_later u));
      match life with Leaves -> () | Stays -> Lwt_main.run stopped
    in
    { domain = Domain.spawn body; finished; life }
  in
  let workers = List.map start_worker parts in
  List.iter
    (fun w ->
      match w.life with
      | Leaves -> Domain.join w.domain
      | Stays -> wait_until (fun () -> Option.is_some (Atomic.get w.finished)))
    workers;
  { workers; unhandled }

let staying t =
  List.filter_map
    (fun w -> match w.life with Leaves -> None | Stays -> Atomic.get w.finished)
    t.workers

let eventually ?(also = []) t ~rounds condition =
  let handles = also @ List.map fst (staying t) in
  let round () =
    Lwt_main.run (Lwt_list.iter_p (fun h -> Handle.spawn h Lwt.return) handles)
  in
  let rec go n =
    condition ()
    || n > 0
       && begin
            round ();
            go (n - 1)
          end
  in
  go rounds

let stop t =
  List.iter (fun (h, stop) -> ignore (Handle.post h stop : bool)) (staying t);
  List.iter (fun w -> if w.life = Stays then Domain.join w.domain) t.workers

let rec pauses n =
  if n = 0 then Lwt.return_unit
  else
    let* () = Lwt.pause () in
    pauses (n - 1)

let spin n =
  for _ = 1 to n do
    Domain.cpu_relax ()
  done

let cancel_after n p =
  Lwt.async (fun () ->
      let* () = pauses n in
      Lwt.cancel p;
      Lwt.return_unit)

let start_watchdog text = Rust.watch text 60
let stop_watchdog () = Rust.watch "" 0

let test ~count ~name ~show ~shrink gen check =
  let holds scenario =
    start_watchdog (name ^ ": " ^ show scenario);
    Fun.protect (fun () -> check scenario) ~finally:stop_watchdog;
    true
  in
  QCheck.Test.make ~count:(Model.count count) ~name
    (QCheck.make ~print:show ~shrink gen)
    (Model.repeated 3 holds)
