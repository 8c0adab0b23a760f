open Lwt.Syntax
open Lwt_interop

type t = { keyspace : Keyspace.t; me : Handle.t; buffer : Buffer.t }

let create keyspace = { keyspace; me = Handle.current (); buffer = Buffer.create 65536 }

(* ---- operations, by shard *)

(* An operation, and the index of its reply among all replies. *)
type task = { index : int; op : Command.op }

(* The tasks of each shard, the last one first. *)
type tasks = { mutable count : int; by_shard : task list array }

let no_tasks t = { count = 0; by_shard = Array.make (Keyspace.shards t.keyspace) [] }

let add tasks shard op =
  let index = tasks.count in
  tasks.count <- index + 1;
  tasks.by_shard.(shard) <- { index; op } :: tasks.by_shard.(shard);
  index

let run_shard t replies shard = function
  | [] -> Lwt.return_unit
  | tasks ->
      let tasks = List.rev tasks in
      let+ results =
        Keyspace.run t.keyspace ~me:t.me shard (List.map (fun { op; _ } -> op) tasks)
      in
      List.iter2 (fun { index; _ } reply -> replies.(index) <- reply) tasks results

let run t tasks =
  let replies = Array.make tasks.count Reply.Null in
  let+ () = Lwt.join (List.mapi (run_shard t replies) (Array.to_list tasks.by_shard)) in
  replies

(* ---- a batch *)

(* How a command's reply is made from the replies of its tasks. *)
type answer = { resp : int; of_replies : Reply.t array -> Reply.t }
type plan = { answers : answer list; session : Rust.session; close : bool }

(* Adds the tasks of a plan, and returns the function that makes its reply. *)
let rec add_plan t tasks (plan : Command.plan) =
  let shard = Keyspace.shard_of_slot t.keyspace in
  let combined indices combine replies =
    combine (List.map (fun index -> replies.(index)) indices)
  in
  match plan with
  | Now reply | Agree (_, reply) -> fun _ -> reply
  | One (slot, op) ->
      let index = add tasks (shard slot) op in
      fun replies -> replies.(index)
  | Many (ops, combine) ->
      let indices = List.map (fun (slot, op) -> add tasks (shard slot) op) ops in
      combined indices combine
  | Everywhere (op, combine) ->
      let shards = List.init (Keyspace.shards t.keyspace) Fun.id in
      let indices = List.map (fun shard -> add tasks shard op) shards in
      combined indices combine
  | Together (_, plans) ->
      let answers = List.map (add_plan t tasks) plans in
      fun replies -> Array (List.map (fun of_replies -> of_replies replies) answers)
  | Quit | Drop -> fun _ -> Reply.ok

let plan t tasks session commands =
  let rec go i (session : Rust.session) answers =
    let plan = Transaction.plan session commands.(i) in
    let next =
      match plan with Agree (next, _) | Together (next, _) -> next | _ -> session
    in
    let answers =
      match plan with
      | Drop -> answers
      | _ -> { resp = next.resp; of_replies = add_plan t tasks plan } :: answers
    in
    let close = match plan with Quit | Drop -> true | _ -> false in
    if close || i + 1 = Array.length commands then
      { answers = List.rev answers; session = next; close }
    else go (i + 1) next answers
  in
  go 0 session []

(* The most bytes of a reply, not counting its last value. *)
let longest_reply = 1 lsl 20

let write t session ~close pending =
  let rest = Reply.write t.buffer ~limit:longest_reply pending in
  let reply = Buffer.contents t.buffer in
  (* Free a buffer that has held a long value. *)
  if String.length reply > longest_reply then Buffer.reset t.buffer
  else Buffer.clear t.buffer;
  { Rust.reply; rest = (if rest = [] then None else Some rest); session; close }

let serve t session = function
  | Rust.Rest pending -> Lwt.return (write t session ~close:false pending)
  | Batch [||] -> Lwt.return (write t session ~close:false [])
  | Batch commands ->
      let tasks = no_tasks t in
      let { answers; session; close } = plan t tasks session commands in
      let+ replies = run t tasks in
      let pending = List.map (fun a -> (a.resp, [ a.of_replies replies ])) answers in
      write t session ~close pending
