open Lwt.Syntax
open Lwt_interop

type t = { server : Server.t; keyspace : Keyspace.t; pool : Pool.t }

let join t i =
  Pool.spawn_on t.pool i (fun () ->
      Lwt.async (fun () -> Keyspace.expire t.keyspace ~me:(Handle.current ()));
      t.server.join (Router.serve (Router.create t.keyspace));
      Lwt.return_unit)

let milliseconds () = int_of_float (Unix.gettimeofday () *. 1000.)

let start ?(clock = milliseconds) ~domains (server : Server.t) =
  let pool = Pool.create ~domains ~tokio:server.tokio () in
  let keyspace = Keyspace.create ~clock (Array.init domains (Pool.handle pool)) in
  let t = { server; keyspace; pool } in
  let+ () = Lwt.join (List.init domains (join t)) in
  t

let hand_over t old fresh () = Lwt.return (Keyspace.hand_over t.keyspace ~from:old fresh)

let replace t i =
  Pool.replace t.pool i (fun old ->
      (* The old domain ends in any case, so the new one has to get the shards, even if it cannot
         answer clients. *)
      Lwt.finalize
        (fun () -> join t i)
        (fun () ->
          let* () = Handle.spawn old (hand_over t old (Pool.handle t.pool i)) in
          t.server.leave old))

let stop t = Pool.shutdown t.pool
