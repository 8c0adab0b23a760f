open Lwt.Syntax
open Lwt_interop

type session = { values : (string, string) Hashtbl.t; mutable last_used : float }

type t = {
  owner : Handle.t;
  (* Only the owner uses it. *)
  sessions : (string, session) Hashtbl.t;
}

let most_sessions = 100_000
let most_values = 100
let create () = { owner = Handle.current (); sessions = Hashtbl.create 64 }
let on_owner t f = Handle.spawn t.owner (fun () -> Lwt.return (f t.sessions))

let start t =
  on_owner t (fun sessions ->
      if Hashtbl.length sessions >= most_sessions then None
      else
        let name = Tools.random_name () in
        let session = { values = Hashtbl.create 8; last_used = Unix.time () } in
        Hashtbl.replace sessions name session;
        Some name)

let use t name f =
  on_owner t (fun sessions ->
      match Hashtbl.find_opt sessions name with
      | None -> None
      | Some session ->
          session.last_used <- Unix.time ();
          f session.values)

let get t name key = use t name (fun values -> Hashtbl.find_opt values key)

let set t name key value =
  use t name (fun values ->
      if Hashtbl.length values >= most_values && not (Hashtbl.mem values key) then
        Some `Full
      else (
        Hashtbl.replace values key value;
        Some `Set))

let finish t name = on_owner t (fun sessions -> Hashtbl.remove sessions name)

let rec expire_idle t ~seconds =
  let* () = Lwt_unix.sleep (seconds /. 2.) in
  let* () =
    on_owner t (fun sessions ->
        let oldest = Unix.time () -. seconds in
        Hashtbl.filter_map_inplace
          (fun _ s -> if s.last_used < oldest then None else Some s)
          sessions)
  in
  expire_idle t ~seconds
