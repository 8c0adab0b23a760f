type t = Executor.handle

let current = Executor.current
let id (t : t) = t.id
let equal (t : t) (other : t) = t.id = other.id
let compare (t : t) (other : t) = Int.compare t.id other.id
let hash (t : t) = Hashtbl.hash t
let is_alive (t : t) = not (Mpsc.is_closed t.mailbox)

type turn = {
  f : unit -> unit;
  mutable is_started : bool;
  (* The exception of [f], until it is reported. *)
  mutable raised : exn option;
}

let start turn =
  turn.is_started <- true;
  try turn.f () with e -> turn.raised <- Some e

(* The job may be called again after an exception that [f] did not raise. *)
let post t f =
  let turn = { f; is_started = false; raised = None } in
  Executor.post t (function
    | Run -> (
        if not turn.is_started then start turn;
        match turn.raised with
        | None -> ()
        | Some e ->
            let report () = Lwt.fail e in
            (* First, because the hook of such exceptions may raise. *)
            turn.raised <- None;
            Lwt.async report)
    | Cancel -> ())

let spawn t f = Remote.spawn t f

let terminated t =
  Lwt.catch
    (fun () -> spawn t (fun () -> fst (Lwt.task ())))
    (function
      | Errors.Domain_terminated id when id = t.id -> Lwt.return_unit | e -> Lwt.fail e)

type stats = {
  polls : int;
  messages_in : int;
  messages_out : int;
  wakeups : int;
  alive : float;
  busy : float;
}

let stats (t : t) =
  match Primitives.stats t.raw with
  | [| polls; messages_in; messages_out; wakeups; alive; busy |] ->
      let seconds ns = float_of_int ns *. 1e-9 in
      {
        polls;
        messages_in;
        messages_out;
        wakeups;
        alive = seconds alive;
        busy = seconds busy;
      }
  | _ -> assert false
