open Lwt.Syntax
open Lwt_interop

type t = {
  pool : Pool.t;
  join : unit -> unit;
  leave : Handle.t -> unit Lwt.t;
  mutable replacing : unit Lwt.t;
}

let join t i = Pool.spawn_on t.pool i (fun () -> Lwt.return (t.join ()))
let indices t = List.init (Pool.size t.pool) Fun.id

let start ~domains ~tokio ~join:on_each ~leave =
  let pool = Pool.create ~domains ~tokio () in
  let t = { pool; join = on_each; leave; replacing = Lwt.return_unit } in
  let+ () = Lwt.join (List.map (join t) (indices t)) in
  t

let replace t i =
  Pool.replace t.pool i (fun old ->
      let* () = join t i in
      t.leave old)

let replace_every t seconds ~failed =
  let rec go i =
    let* () = Lwt_unix.sleep seconds in
    let next = ref ((i + 1) mod Pool.size t.pool) in
    t.replacing <-
      Lwt.catch
        (fun () -> replace t i)
        (fun e ->
          failed e;
          (* The new domain may have started, but not joined: it is replaced first. *)
          next := i;
          Lwt.return_unit);
    (* Cancelling ends the wait, not the replacement. *)
    let* () = Lwt.protected t.replacing in
    go !next
  in
  go 0

let stop t ~deadline =
  let leave i = t.leave (Pool.handle t.pool i) in
  let orderly =
    let* () = Lwt.protected t.replacing in
    let* () = Lwt.join (List.map leave (indices t)) in
    let+ () = Pool.shutdown t.pool in
    true
  in
  let overdue =
    let+ () = Lwt_unix.sleep deadline in
    false
  in
  Lwt.pick [ orderly; overdue ]
