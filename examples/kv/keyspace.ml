open Lwt.Syntax
open Lwt_interop

type t = { shards : Shard.t array; owners : Handle.t Atomic.t array }

let shards t = Array.length t.shards

(* Shard [i] has the slots from [first i] up to [first (i + 1)]. *)
let first ~shards shard = ((shard * Key.slots) + shards - 1) / shards
let shard_of_slot t slot = slot * shards t / Key.slots

let create ~clock domains =
  let shards = Array.length domains in
  let shard i =
    let first = first ~shards i and next = first ~shards (i + 1) in
    Shard.create ~clock ~first ~slots:(next - first)
  in
  { shards = Array.init shards shard; owners = Array.map Atomic.make domains }

let owner t shard = Atomic.get t.owners.(shard)

(* All keys are looked for before the first operation, so that the processor waits for their memory
   only once. *)
let run_here t shard (ops : Command.op list) =
  let shard = t.shards.(shard) in
  List.iter (fun { Command.key; _ } -> Option.iter (Shard.prefetch shard) key) ops;
  List.map (fun { Command.run; _ } -> run shard) ops

let rec run t ~me shard ops =
  let target = owner t shard in
  if Handle.equal target me then Lwt.return (run_here t shard ops)
  else
    let work () =
      Lwt.return
        (if Handle.equal (owner t shard) target then Some (run_here t shard ops) else None)
    in
    let* replies =
      Lwt.catch
        (fun () -> Handle.spawn target work)
        (function
          (* If the shard was not handed over, it has no owner any more. *)
          | Domain_terminated id
            when id = Handle.id target && not (Handle.equal (owner t shard) target) ->
              Lwt.return_none
          | e -> Lwt.fail e)
    in
    match replies with Some replies -> Lwt.return replies | None -> run t ~me shard ops

(* Often enough to free memory soon, in pieces too short to delay clients. *)
let sweep_every = 0.1
let swept_at_once = 100

let rec expire t ~me =
  let sweep shard owner =
    if Handle.equal (Atomic.get owner) me then
      Shard.sweep t.shards.(shard) ~at_most:swept_at_once
    else 0
  in
  let swept = Array.fold_left max 0 (Array.mapi sweep t.owners) in
  let* () = if swept = swept_at_once then Lwt.pause () else Lwt_unix.sleep sweep_every in
  expire t ~me

let hand_over t ~from to_ =
  let give owner = if Handle.equal (Atomic.get owner) from then Atomic.set owner to_ in
  Array.iter give t.owners
