open Session

let empty = { commands = []; bytes = 0; failed = false }
let most_bytes = 64 lsl 20
let without session = { session with transaction = None }

let queue session queue command =
  let name = command.(0) and arguments = List.tl (Array.to_list command) in
  (* A word of the heap for each argument, and two for its header and its end. *)
  let size = Array.fold_left (fun n text -> n + String.length text + 24) 32 command in
  let fail error =
    let failed = { empty with failed = true } in
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
  let name = if command = [||] then "" else Argument.upper command.(0) in
  match (name, session.transaction) with
  (* The first line or a header of HTTP: a browser was made to send it. *)
  | ("POST" | "HOST:"), _ -> Command.Drop
  | "MULTI", None when Array.length command = 1 ->
      Agree ({ session with transaction = Some empty }, Reply.ok)
  | _, None -> Command.plan session command
  | "MULTI", Some _ -> Now (Reply.error "MULTI calls can not be nested")
  | "DISCARD", Some _ -> Agree (without session, Reply.ok)
  | "EXEC", Some queue -> exec session queue
  | "WATCH", Some _ -> Now Command.no_watch
  | "QUIT", Some _ -> Quit
  | _, Some q -> queue session q command
