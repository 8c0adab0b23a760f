open Lwt.Syntax
module Handle = Lwt_interop.Handle

exception On_purpose

let life = Ledger.kind "life of a domain"
let births = Atomic.make 0
let deaths = Atomic.make 0
let peak = Atomic.make 0
let ended () = Atomic.get deaths
let most () = Atomic.get peak

let born () =
  let now = Atomic.fetch_and_add births 1 + 1 - Atomic.get deaths in
  let rec raise_peak () =
    let before = Atomic.get peak in
    if now > before && not (Atomic.compare_and_set peak before now) then raise_peak ()
  in
  raise_peak ()

type manner = Orderly | Cut | Failing

type plan = {
  acts : Act.t array;
  width : int;  (** how many acts at a time *)
  manner : manner;
  cut_after : float;
  lingers : float;  (** out of its loop, while messages come in *)
}

(* [width] fibers share [acts]. *)
let fibers width acts (place : Act.place) =
  let next = ref 0 in
  let rec go () =
    let number = !next in
    if place.cut || number >= Array.length acts then Lwt.return_unit
    else (
      incr next;
      Lwt.bind (Act.perform place ~number acts.(number)) go)
  in
  Lwt.join (List.init width (fun _ -> go ()))

let rec until_released (place : Act.place) =
  if place.held = 0 then Lwt.return_unit
  else Lwt.bind (Lwt_unix.sleep 0.001) (fun () -> until_released place)

let rec plan path =
  let choice = Choice.make path in
  let n = 1 + Choice.int choice 20 in
  let acts =
    Array.init n (fun _ ->
        (* A family is not without end. *)
        if List.length path < 5 && Choice.chance choice 100 then Lazy.force child
        else Acts.choose choice)
  in
  let width = 1 + Choice.int choice 10 in
  let manner = Choice.weighted choice [ (Orderly, 5); (Cut, 4); (Failing, 1) ] in
  let cut_after =
    if Choice.chance choice 3 then 0. else float_of_int (Choice.int choice 4000) *. 1e-6
  in
  let lingers =
    if Choice.chance choice 3 then float_of_int (Choice.int choice 3000) *. 1e-6 else 0.
  in
  { acts; width; manner; cut_after; lingers }

and body path () =
  let { acts; width; manner; cut_after; lingers } = plan path in
  let place = Act.place ~path (Handle.current ()) in
  Dlwt_rt.at_domain_exit ~priority:999 (fun () -> Act.finish place);
  Peers.add place.handle;
  Fun.protect
    (fun () ->
      Lwt_main.run
        (let work = fibers width acts place in
         match manner with
         | Orderly -> work
         | Cut | Failing ->
             let* () = Lwt.choose [ work; Lwt_unix.sleep cut_after ] in
             (* From here on what is under way may be lost. *)
             place.cut <- true;
             let* () = until_released place in
             if manner = Failing then raise On_purpose else Lwt.return_unit))
    ~finally:(fun () ->
      let left = Hashtbl.to_seq_values place.clean_up |> List.of_seq in
      Hashtbl.reset place.clean_up;
      List.iter (fun f -> f ()) left;
      if lingers > 0. then Unix.sleepf lingers)

and live ~path =
  let home = Handle.current () in
  let at_end, ends = Lwt.wait () in
  (* Registered first, so that it is called last: then there is little to wait for. *)
  let body () =
    Domain.at_exit (fun () ->
        ignore (Handle.post home (fun () -> Lwt.wakeup_later ends ()) : bool));
    body path ()
  in
  match Domain.spawn body with
  | exception Failure _ ->
      (* The limit has been reached, which is done on purpose. *)
      let* () = Lwt_unix.sleep 0.005 in
      live ~path
  | domain ->
      born ();
      Ledger.watched
        ~domain:(Domain.get_id domain :> int)
        life
        (fun () ->
          let* () = at_end in
          (match Domain.join domain with
          | () | (exception On_purpose) -> ()
          | exception e ->
              Ledger.fail
                (Printf.sprintf "domain %d died of %s"
                   (Domain.get_id domain :> int)
                   (Printexc.to_string e)));
          Atomic.incr deaths;
          Lwt.return_unit)

and child =
  lazy
    (Act.make ~held:true "child" (fun place choice ->
         let* () = live ~path:(place.path @ [ Choice.int choice 1_000_000 ]) in
         Lwt.return "value"))

(* Before kinds are looked at. *)
let () = ignore (Lazy.force child : Act.t)
