(* A pool of connections to SQLite in each domain. All domains write the same file. *)

open Lwt.Syntax

let path = Domains.temporary ".sqlite"
let uri = Uri.of_string ("sqlite3:" ^ path ^ "?busy_timeout=20000")

module Query = struct
  open Caqti_request.Infix
  open Caqti_type.Std

  let create =
    (unit ->. unit) "CREATE TABLE IF NOT EXISTS counts (domain INTEGER, n INTEGER)"

  let insert = (t2 int int ->. unit) "INSERT INTO counts VALUES (?, ?)"
  let sum = (int ->! int) "SELECT coalesce(sum(n), 0) FROM counts WHERE domain = ?"
end

let or_fail promise =
  let* result = promise in
  match result with
  | Ok value -> Lwt.return value
  | Error error -> Lwt.fail_with (Caqti_error.show error)

let add pool n =
  or_fail
    (Caqti_lwt_unix.Pool.use
       (fun (module Connection : Caqti_lwt.CONNECTION) ->
         Connection.exec Query.insert ((Domain.self () :> int), n))
       pool)

let sum pool =
  or_fail
    (Caqti_lwt_unix.Pool.use
       (fun (module Connection : Caqti_lwt.CONNECTION) ->
         Connection.find Query.sum (Domain.self () :> int))
       pool)

let connect () =
  match
    Caqti_lwt_unix.connect_pool ~pool_config:(Caqti_pool_config.create ~max_size:4 ()) uri
  with
  | Ok pool -> pool
  | Error error -> failwith (Caqti_error.show error)

let create () =
  Lwt_main.run
    (let pool = connect () in
     let* () =
       or_fail
         (Caqti_lwt_unix.Pool.use
            (fun (module Connection : Caqti_lwt.CONNECTION) ->
              Connection.exec Query.create ())
            pool)
     in
     Caqti_lwt_unix.Pool.drain pool)

let use () =
  let pool = connect () in
  let* before = sum pool in
  let* () = Lwt_list.iter_p (add pool) (List.init 8 succ) in
  let* after = sum pool in
  assert (after - before = 36);
  Caqti_lwt_unix.Pool.drain pool

let () =
  create ();
  Domains.run ~rounds:10 use
