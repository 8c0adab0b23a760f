module type S = sig
  val name : string
  val spawn : (unit -> 'a) -> 'a Lwt.t
  val await : 'a Lwt.t -> 'a
end

module By_hand = struct
  open Effect.Deep

  let name = "by hand"

  type _ Effect.t += Await : 'a Lwt.t -> 'a Effect.t

  let await p = Effect.perform (Await p)

  let spawn f =
    let p, u = Lwt.task () in
    match_with f ()
      {
        retc = Lwt.wakeup_later u;
        exnc = Lwt.wakeup_later_exn u;
        effc =
          (fun (type a) (e : a Effect.t) ->
            match e with
            | Await awaited ->
                Some
                  (fun (k : (a, _) continuation) ->
                    (* Exactly one of them runs: a continuation that is never resumed leaks its stack. *)
                    Lwt.on_any awaited (continue k) (discontinue k))
            | _ -> None);
      };
    p
end

type _ Effect.t += Ask : int Effect.t

let answering (n : int) f =
  Effect.Deep.try_with f ()
    {
      effc =
        (fun (type a) (e : a Effect.t) ->
          match e with
          | Ask ->
              Some (fun (k : (a, _) Effect.Deep.continuation) -> Effect.Deep.continue k n)
          | _ -> None);
    }
