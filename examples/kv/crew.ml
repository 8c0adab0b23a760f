open Lwt.Syntax
open Lwt_interop

type t = {
  workers : Server.Workers.t;
  keyspace : Keyspace.t;
  (* Pools of one domain each, so that each ends on its own. *)
  domains : Pool.t array;
}

let workers t = t.workers
let handle pool = Pool.handle pool 0
let run_on pool f = Pool.spawn_on pool 0 (fun () -> Lwt.return (f ()))

(* All domains meet at each minor collection: a heap that makes them rare is worth it. *)
let minor_heap = 1 lsl 20
let start_domain () = Pool.create ~domains:1 ~minor_heap ()

let join t domain =
  run_on domain (fun () ->
      Lwt.async (fun () -> Keyspace.tend t.keyspace ~me:(handle domain));
      Server.Workers.join t.workers (Router.serve (Router.create t.keyspace)))

let milliseconds () = int_of_float (Unix.gettimeofday () *. 1000.)

let start ?(clock = milliseconds) ~domains () =
  let domains = Array.init domains (fun _ -> start_domain ()) in
  let keyspace = Keyspace.create ~clock (Array.map handle domains) in
  let t = { workers = Server.Workers.create (); keyspace; domains } in
  let+ () = Lwt.join (List.map (join t) (Array.to_list domains)) in
  t

let replace t i =
  let old = t.domains.(i) in
  let fresh = start_domain () in
  t.domains.(i) <- fresh;
  let* () = join t fresh in
  let* () =
    run_on old (fun () -> Keyspace.hand_over t.keyspace ~from:(handle old) (handle fresh))
  in
  let* () = Server.Workers.leave t.workers (handle old) in
  Pool.shutdown old

let stop t =
  Lwt.join (List.map (fun pool -> Pool.shutdown pool) (Array.to_list t.domains))
