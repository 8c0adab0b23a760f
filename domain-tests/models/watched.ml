type 'a t = { result : ('a, exn) result option Atomic.t; told : int Atomic.t }

let promise ?(first = ignore) p =
  let w = { result = Atomic.make None; told = Atomic.make 0 } in
  let tell result =
    Atomic.set w.result (Some result);
    Atomic.incr w.told
  in
  Lwt.on_any p
    (fun v ->
      first v;
      tell (Ok v))
    (fun e -> tell (Error e));
  w

let result w = Atomic.get w.result

let final name w =
  match (result w, Atomic.get w.told) with
  | Some result, 1 -> result
  | None, _ -> Model.fail "%s: pending for ever" name
  | Some _, n -> Model.fail "%s: settled %d times" name n
