open Lwt.Syntax
open Lwt_interop

type session = { values : (string, string) Hashtbl.t; mutable last_used : float }

(* Only the owner uses it. *)
type table = {
  sessions : (string, session) Hashtbl.t;
  (* The length of all keys and values. *)
  mutable bytes : int;
  max_bytes : int;
}

type t = { owner : Handle.t; table : table }

let most_sessions = 100_000
let most_values = 100

let create ~max_bytes =
  let table = { sessions = Hashtbl.create 64; bytes = 0; max_bytes } in
  { owner = Handle.current (); table }

let on_owner t f = Handle.spawn t.owner (fun () -> Lwt.return (f t.table))

let start t =
  on_owner t (fun { sessions; _ } ->
      if Hashtbl.length sessions >= most_sessions then None
      else
        let name = Rust.random_name () in
        let session = { values = Hashtbl.create 8; last_used = Unix.time () } in
        Hashtbl.replace sessions name session;
        Some name)

let use t name f =
  on_owner t (fun table ->
      match Hashtbl.find_opt table.sessions name with
      | None -> None
      | Some session ->
          session.last_used <- Unix.time ();
          f table session.values)

let get t name key = use t name (fun _ values -> Hashtbl.find_opt values key)
let size key value = String.length key + String.length value

let set t name key value =
  use t name (fun table values ->
      let before = Hashtbl.find_opt values key in
      let freed = Option.fold before ~none:0 ~some:(size key) in
      let bytes = table.bytes - freed + size key value in
      let too_many = Option.is_none before && Hashtbl.length values >= most_values in
      if too_many || bytes > table.max_bytes then Some `Full
      else (
        table.bytes <- bytes;
        Hashtbl.replace values key value;
        Some `Set))

let forget table session =
  Hashtbl.iter
    (fun key value -> table.bytes <- table.bytes - size key value)
    session.values

let finish t name =
  on_owner t (fun table ->
      Option.iter (forget table) (Hashtbl.find_opt table.sessions name);
      Hashtbl.remove table.sessions name)

let rec expire_idle t ~seconds =
  let* () = Lwt_unix.sleep (seconds /. 2.) in
  let* () =
    on_owner t (fun table ->
        let oldest = Unix.time () -. seconds in
        Hashtbl.filter_map_inplace
          (fun _ session ->
            if session.last_used >= oldest then Some session
            else (
              forget table session;
              None))
          table.sessions)
  in
  expire_idle t ~seconds
