type 'a t = { result : ('a, exn) result option Atomic.t; callbacks : int Atomic.t }

let promise ?(first = ignore) p =
  let w = { result = Atomic.make None; callbacks = Atomic.make 0 } in
  let record result =
    Atomic.set w.result (Some result);
    Atomic.incr w.callbacks
  in
  Lwt.on_any p
    (fun v ->
      first v;
      record (Ok v))
    (fun e -> record (Error e));
  w

let result w = Atomic.get w.result

let final name w =
  match (result w, Atomic.get w.callbacks) with
  | Some result, 1 -> result
  | None, _ -> Model.fail "%s: still pending" name
  | Some _, n -> Model.fail "%s: resolved %d times" name n
