open Lwt.Syntax
open Lwt_interop

type 'a t = {
  home : Handle.t;
  size : int;
  elements : 'a Queue.t;
  mutable closed : bool;
  not_empty : unit Lwt_condition.t;
  not_full : unit Lwt_condition.t;
}

let create ~size =
  {
    home = Handle.current ();
    size;
    elements = Queue.create ();
    closed = false;
    not_empty = Lwt_condition.create ();
    not_full = Lwt_condition.create ();
  }

let rec add t x =
  if Queue.length t.elements < t.size then (
    Queue.add x t.elements;
    Lwt_condition.signal t.not_empty ();
    Lwt.return_unit)
  else
    let* () = Lwt_condition.wait t.not_full in
    add t x

let close t =
  t.closed <- true;
  Lwt_condition.broadcast t.not_empty ()

let rec take_here t =
  match Queue.take_opt t.elements with
  | Some x ->
      Lwt_condition.signal t.not_full ();
      Lwt.return_some x
  | None when t.closed -> Lwt.return_none
  | None ->
      let* () = Lwt_condition.wait t.not_empty in
      take_here t

let take t = Handle.spawn t.home (fun () -> take_here t)
