open Lwt.Syntax
module Handle = Lwt_interop.Handle

type life = Stays | Leaves

let show_life = function Stays -> "stays" | Leaves -> "leaves"
let gen_life = QCheck.Gen.(frequency [ (2, return Stays); (1, return Leaves) ])

type member = {
  domain : unit Domain.t;
  (* Its handle, and what ends it, to be called in its loop; once it has done its part. *)
  staying : (Handle.t * (unit -> unit)) option Atomic.t;
  life : life;
}

type t = { members : member list; hooked : string list Atomic.t }

let hooked crew = Atomic.get crew.hooked

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

let muster parts =
  let hooked = Atomic.make [] and missing = Atomic.make (List.length parts) in
  let report e = prepend hooked (Printexc.to_string e) in
  let enlist (life, part) =
    let staying = Atomic.make None in
    let body () =
      Dlwt.set_async_exception_hook (Some report);
      let dismissed, u = Lwt.wait () in
      let me = Handle.current () in
      Atomic.decr missing;
      wait_until (fun () -> Atomic.get missing = 0);
      (try Lwt_main.run (part ()) with e -> report e);
      Atomic.set staying (Some (me, Lwt.wakeup_later u));
      match life with Leaves -> () | Stays -> Lwt_main.run dismissed
    in
    { domain = Domain.spawn body; staying; life }
  in
  let members = List.map enlist parts in
  List.iter
    (fun m ->
      match m.life with
      | Leaves -> Domain.join m.domain
      | Stays -> wait_until (fun () -> Option.is_some (Atomic.get m.staying)))
    members;
  { members; hooked }

let staying crew =
  List.filter_map
    (fun m -> match m.life with Leaves -> None | Stays -> Atomic.get m.staying)
    crew.members

let settles ?(also = []) crew ~rounds condition =
  let visited = also @ List.map fst (staying crew) in
  let round () =
    Lwt_main.run (Lwt_list.iter_p (fun h -> Handle.spawn h Lwt.return) visited)
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

let dismiss crew =
  List.iter (fun (h, leave) -> ignore (Handle.post h leave : bool)) (staying crew);
  List.iter (fun m -> if m.life = Stays then Domain.join m.domain) crew.members

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

let watch text = Rust.watch text 60
let unwatch () = Rust.watch "" 0

let test ~count ~name ~show ~shrink gen holds =
  let holds scenario =
    watch (name ^ ": " ^ show scenario);
    Fun.protect (fun () -> holds scenario) ~finally:unwatch;
    true
  in
  QCheck.Test.make ~count:(Model.count count) ~name
    (QCheck.make ~print:show ~shrink gen)
    (Model.repeated 3 holds)
