open Lwt.Syntax
open Lwt_interop

(* Each domain is a pool of its own, so that it can end without the others. *)
type t = {
  mutable domains : Pool.t list;
  join : unit -> unit;
  leave : Handle.t -> unit Lwt.t;
  mutable replacing : unit Lwt.t;
}

(* All domains wait for each other at every minor collection: a heap of 8 MB makes them rare. *)
let minor_heap = 1 lsl 20

let add t =
  let domain = Pool.create ~domains:1 ~minor_heap () in
  t.domains <- t.domains @ [ domain ];
  Pool.spawn domain (fun () -> Lwt.return (t.join ()))

let end_domain t domain =
  let* () = t.leave (Pool.handle domain 0) in
  Pool.shutdown domain

let start ~domains ~join ~leave =
  let t = { domains = []; join; leave; replacing = Lwt.return_unit } in
  let+ () = Lwt.join (List.init domains (fun _ -> add t)) in
  t

let replace_oldest t =
  match t.domains with
  | [] -> Lwt.return_unit
  | oldest :: others ->
      t.domains <- others;
      let* () = add t in
      end_domain t oldest

let rec replace_every t seconds =
  let* () = Lwt_unix.sleep seconds in
  t.replacing <- replace_oldest t;
  (* What is cancelled is the waiting: no domain is left behind. *)
  let* () = Lwt.protected t.replacing in
  replace_every t seconds

let stop t ~deadline =
  let leave domain = t.leave (Pool.handle domain 0) in
  let all_left =
    let* () = Lwt.protected t.replacing in
    Lwt.join (List.map leave t.domains)
  in
  (* A handler that goes on although it was cancelled ends with its domain. *)
  let* () = Lwt.pick [ all_left; Lwt_unix.sleep deadline ] in
  Lwt.join (List.map Pool.shutdown t.domains)
