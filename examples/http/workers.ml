open Lwt.Syntax
open Lwt_interop

type t = {
  pool : Pool.t;
  join : unit -> unit;
  leave : Handle.t -> unit Lwt.t;
  mutable replacing : unit Lwt.t;
}

(* A minor collection stops all domains. A minor heap of 8 MB makes collections rare. *)
let minor_heap = 1 lsl 20
let join t i = Pool.spawn_on t.pool i (fun () -> Lwt.return (t.join ()))
let indices t = List.init (Pool.size t.pool) Fun.id

let start ~domains ~join:on_each ~leave =
  let pool = Pool.create ~domains ~minor_heap () in
  let t = { pool; join = on_each; leave; replacing = Lwt.return_unit } in
  let+ () = Lwt.join (List.map (join t) (indices t)) in
  t

let replace t i =
  Pool.replace t.pool i (fun old ->
      let* () = join t i in
      t.leave old)

let replace_every t seconds =
  let rec go i =
    let* () = Lwt_unix.sleep seconds in
    t.replacing <- replace t i;
    (* Cancelling ends the wait, not the replacement. *)
    let* () = Lwt.protected t.replacing in
    go ((i + 1) mod Pool.size t.pool)
  in
  go 0

let stop t ~deadline =
  let leave i = t.leave (Pool.handle t.pool i) in
  let all_left =
    let* () = Lwt.protected t.replacing in
    Lwt.join (List.map leave (indices t))
  in
  (* A handler that goes on after it was cancelled ends with its domain. *)
  let* () = Lwt.pick [ all_left; Lwt_unix.sleep deadline ] in
  Pool.shutdown t.pool ~deadline
