open Lwt.Syntax
open Lwt_interop

type rest = Reply.pending
type request = Batch of string array array | Rest of rest
type outcome = { reply : string; rest : rest option; session : Session.t; close : bool }
type t = { keyspace : Keyspace.t; me : Handle.t; buffer : Buffer.t }

let create keyspace = { keyspace; me = Handle.current (); buffer = Buffer.create 65536 }

(* ---- what is to be done on each shard *)

(* An operation, and the place of its reply among all replies. *)
type errand = { place : int; op : Command.op }

(* For each shard, the last one first. *)
type errands = { mutable count : int; by_shard : errand list array }

let no_errands t = { count = 0; by_shard = Array.make (Keyspace.shards t.keyspace) [] }

let add errands shard op =
  let place = errands.count in
  errands.count <- place + 1;
  errands.by_shard.(shard) <- { place; op } :: errands.by_shard.(shard);
  place

let run_shard t replies shard = function
  | [] -> Lwt.return_unit
  | errands ->
      let errands = List.rev errands in
      let+ results =
        Keyspace.run t.keyspace ~me:t.me shard (List.map (fun { op; _ } -> op) errands)
      in
      List.iter2 (fun { place; _ } reply -> replies.(place) <- reply) errands results

let run t errands =
  let replies = Array.make errands.count Reply.Null in
  let+ () = Lwt.join (List.mapi (run_shard t replies) (Array.to_list errands.by_shard)) in
  replies

(* ---- a batch *)

(* How a command's reply is made of those of its errands. *)
type answer = { resp : int; of_replies : Reply.t array -> Reply.t }
type plan = { answers : answer list; session : Session.t; close : bool }

let plan t errands session commands =
  let shard = Keyspace.shard_of_slot t.keyspace in
  let together places combine replies =
    combine (List.map (fun place -> replies.(place)) places)
  in
  let rec go i (session : Session.t) answers =
    let answer ?(session = session) ?(close = false) of_replies =
      let answers = { resp = session.resp; of_replies } :: answers in
      if close || i + 1 = Array.length commands then
        { answers = List.rev answers; session; close }
      else go (i + 1) session answers
    in
    match Command.plan session commands.(i) with
    | Now reply -> answer (fun _ -> reply)
    | One (slot, op) ->
        let place = add errands (shard slot) op in
        answer (fun replies -> replies.(place))
    | Many (ops, combine) ->
        let places = List.map (fun (slot, op) -> add errands (shard slot) op) ops in
        answer (together places combine)
    | Everywhere (op, combine) ->
        let shards = List.init (Keyspace.shards t.keyspace) Fun.id in
        let places = List.map (fun shard -> add errands shard op) shards in
        answer (together places combine)
    | Agree (session, reply) -> answer ~session (fun _ -> reply)
    | Quit -> answer ~close:true (fun _ -> Reply.ok)
  in
  go 0 session []

(* What is written at once, but for one value that may be longer. *)
let longest_reply = 1 lsl 20

let write t session ~close pending =
  let rest = Reply.write t.buffer ~limit:longest_reply pending in
  let reply = Buffer.contents t.buffer in
  (* A buffer that has held a long value is not kept. *)
  if String.length reply > longest_reply then Buffer.reset t.buffer
  else Buffer.clear t.buffer;
  { reply; rest = (if rest = [] then None else Some rest); session; close }

let serve t session = function
  | Rest pending -> Lwt.return (write t session ~close:false pending)
  | Batch [||] -> Lwt.return (write t session ~close:false [])
  | Batch commands ->
      let errands = no_errands t in
      let { answers; session; close } = plan t errands session commands in
      let+ replies = run t errands in
      let pending = List.map (fun a -> (a.resp, [ a.of_replies replies ])) answers in
      write t session ~close pending
