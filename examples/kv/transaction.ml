open Rust

let most_bytes = 64 lsl 20
let without session = { session with transaction = None }

let queue session queue command =
  let name = command.(0) and arguments = List.tl (Array.to_list command) in
  (* With what each argument and the command take in the heap, about. *)
  let size = Array.fold_left (fun n text -> n + String.length text + 24) 32 command in
  let fail error =
    let failed = { commands = []; bytes = 0; failed = true } in
    Command.Agree ({ session with transaction = Some failed }, error)
  in
  match Catalog.wrong name arguments with
  | Some error -> fail error
  | None when queue.failed -> Command.Now (Simple "QUEUED")
  | None when queue.bytes + size > most_bytes ->
      fail (Reply.error "the transaction is too long")
  | None ->
      let commands = command :: queue.commands and bytes = queue.bytes + size in
      let transaction = Some { queue with commands; bytes } in
      Command.Agree ({ session with transaction }, Simple "QUEUED")

let exec session { commands; failed; _ } =
  if failed then
    Command.Agree
      ( without session,
        Error "EXECABORT Transaction discarded because of previous errors." )
  else
    let plan session command =
      match Command.plan session command with
      | Agree (session, reply) -> (session, Command.Now reply)
      | plan -> (session, plan)
    in
    let session, plans = List.fold_left_map plan (without session) (List.rev commands) in
    Command.Together (session, plans)

let plan session command =
  match session.transaction with
  | None -> Command.plan session command
  | Some q -> (
      match Argument.upper command.(0) with
      | "POST" | "HOST:" | "QUIT" -> Command.plan session command
      | "MULTI" -> Now (Reply.error "MULTI calls can not be nested")
      | "WATCH" -> Now Command.no_watch
      | "DISCARD" -> Agree (without session, Reply.ok)
      | "EXEC" -> exec session q
      | _ -> queue session q command)
