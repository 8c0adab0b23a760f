open Lwt.Syntax
module Handle = Lwt_interop.Handle

exception On_purpose

let domain_kind = Ledger.kind "domain"
let starts = Atomic.make 0
let ends = Atomic.make 0
let peak = Atomic.make 0
let terminated () = Atomic.get ends
let most () = Atomic.get peak

let started () =
  let now = Atomic.fetch_and_add starts 1 + 1 - Atomic.get ends in
  let rec raise_peak () =
    let before = Atomic.get peak in
    if now > before && not (Atomic.compare_and_set peak before now) then raise_peak ()
  in
  raise_peak ()

type end_ = Orderly | Cut_short | Failing

type plan = {
  operations : Operation.t array;
  width : int;  (** the number of operations at one time *)
  end_ : end_;
  cut_after : float;
  lingers : float;  (** seconds after its loop, while messages arrive *)
}

(* [width] threads of control share [operations]. *)
let perform width operations (self : Operation.participant) =
  let next = ref 0 in
  let rec go () =
    let number = !next in
    if self.cut_short || number >= Array.length operations then Lwt.return_unit
    else (
      incr next;
      Lwt.bind (Operation.perform self ~number operations.(number)) go)
  in
  Lwt.join (List.init width (fun _ -> go ()))

let rec held_operations (self : Operation.participant) =
  if self.held = 0 then Lwt.return_unit
  else Lwt.bind (Lwt_unix.sleep 0.001) (fun () -> held_operations self)

let rec plan path =
  let choice = Choice.make path in
  let n = 1 + Choice.int choice 20 in
  let operations =
    Array.init n (fun _ ->
        (* The depth of the tree of domains is limited. *)
        if List.length path < 5 && Choice.chance choice 100 then Lazy.force child
        else Operations.choose choice)
  in
  let width = 1 + Choice.int choice 10 in
  let end_ = Choice.weighted choice [ (Orderly, 5); (Cut_short, 4); (Failing, 1) ] in
  let cut_after =
    if Choice.chance choice 3 then 0. else float_of_int (Choice.int choice 4000) *. 1e-6
  in
  let lingers =
    if Choice.chance choice 3 then float_of_int (Choice.int choice 3000) *. 1e-6 else 0.
  in
  { operations; width; end_; cut_after; lingers }

and body path () =
  let { operations; width; end_; cut_after; lingers } = plan path in
  let self = Operation.participant ~path (Handle.current ()) in
  Dlwt_rt.at_domain_exit ~priority:999 (fun () -> Operation.finish self);
  Peers.add self.handle;
  Fun.protect
    (fun () ->
      Lwt_main.run
        (let work = perform width operations self in
         match end_ with
         | Orderly -> work
         | Cut_short | Failing ->
             let* () = Lwt.choose [ work; Lwt_unix.sleep cut_after ] in
             (* From here on operations in progress may be lost. *)
             self.cut_short <- true;
             let* () = held_operations self in
             if end_ = Failing then raise On_purpose else Lwt.return_unit))
    ~finally:(fun () ->
      let left = Hashtbl.to_seq_values self.clean_up |> List.of_seq in
      Hashtbl.reset self.clean_up;
      List.iter (fun f -> f ()) left;
      if lingers > 0. then Unix.sleepf lingers)

and run ~path =
  let caller = Handle.current () in
  let ended, resolver = Lwt.wait () in
  (* Registered first, so that it is called last: then [Domain.join] hardly blocks. *)
  let body () =
    Domain.at_exit (fun () ->
        ignore (Handle.post caller (fun () -> Lwt.wakeup_later resolver ()) : bool));
    body path ()
  in
  match Domain.spawn body with
  | exception Failure _ ->
      (* The test reaches the limit of domains on purpose. *)
      let* () = Lwt_unix.sleep 0.005 in
      run ~path
  | domain ->
      started ();
      Ledger.watched
        ~domain:(Domain.get_id domain :> int)
        domain_kind
        (fun () ->
          let* () = ended in
          (match Domain.join domain with
          | () | (exception On_purpose) -> ()
          | exception e ->
              Ledger.fail
                (Printf.sprintf "domain %d raised %s"
                   (Domain.get_id domain :> int)
                   (Printexc.to_string e)));
          Atomic.incr ends;
          Lwt.return_unit)

and child =
  lazy
    (Operation.make ~held:true "child domain" (fun self choice ->
         let* () = run ~path:(self.path @ [ Choice.int choice 1_000_000 ]) in
         Lwt.return "value"))

(* A kind has to exist before [Ledger.watch]. *)
let () = ignore (Lazy.force child : Operation.t)
