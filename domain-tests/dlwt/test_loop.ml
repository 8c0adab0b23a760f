(* Lwt_main.run: what ends it, and what happens if its domain changes. *)

open Lwt.Infix
open Support
open Cases

exception Stuck

(* [f ()] in a loop that raises [Stuck] if it sleeps although it should have ended. *)
let not_stuck f =
  let timer = Lwt_engine.on_timer 20. false (fun _ -> raise Stuck) in
  Fun.protect ~finally:(fun () -> Lwt_engine.stop_event timer) f

let in_both_domains f () =
  not_stuck f;
  elsewhere (fun () -> not_stuck f)

(* ------------------------------------------- a hook that resolves the promise *)

let with_hook add remove hook f =
  let hook = add hook in
  Fun.protect ~finally:(fun () -> remove hook) f

let enter = Lwt_main.Enter_iter_hooks.(with_hook add_last remove)
let leave = Lwt_main.Leave_iter_hooks.(with_hook add_last remove)

let ways =
  [
    ( "wakeup",
      fun () ->
        let p, u = Lwt.wait () in
        (p, fun () -> Lwt.wakeup u ()) );
    ( "wakeup_later",
      fun () ->
        let p, u = Lwt.wait () in
        (p, fun () -> Lwt.wakeup_later u ()) );
    ( "bind",
      fun () ->
        let p, u = Lwt.wait () in
        (p >>= Lwt.return >>= Lwt.return, fun () -> Lwt.wakeup_later u ()) );
    ( "reject",
      fun () ->
        let p, u = Lwt.wait () in
        ( Lwt.catch (fun () -> p) (function Exit -> Lwt.return_unit | e -> Lwt.fail e),
          fun () -> Lwt.wakeup_exn u Exit ) );
    ( "cancel",
      fun () ->
        let p, _ = Lwt.task () in
        ( Lwt.catch
            (fun () -> p)
            (function Lwt.Canceled -> Lwt.return_unit | e -> Lwt.fail e),
          fun () -> Lwt.cancel p ) );
    ( "bind that pauses",
      fun () ->
        let p, u = Lwt.wait () in
        (p >>= Lwt.pause, fun () -> Lwt.wakeup u ()) );
  ]

let resolved_by hook make =
  in_both_domains (fun () ->
      for iterations = 0 to 3 do
        let p, resolve = make () in
        let left = ref iterations in
        hook
          (fun () ->
            if !left = 0 then resolve () else ignore (Lwt.pause ());
            decr left)
          (fun () ->
            ignore (Lwt.pause ());
            Lwt_main.run p)
      done)

(* -------------------------------- an effect handler that moves a loop elsewhere *)

type _ Effect.t += Move : unit Effect.t

(* Calls [f] until it performs [Move], and continues in a new domain. Returns what that raises. *)
let moved f =
  let rest = ref None in
  Effect.Deep.match_with f ()
    {
      retc = ignore;
      exnc = raise;
      effc =
        (fun (type a) (e : a Effect.t) ->
          match e with
          | Move ->
              Some
                (fun (k : (a, _) Effect.Deep.continuation) ->
                  rest := Some (fun () -> Effect.Deep.continue k ()))
          | _ -> None);
    };
  match !rest with
  | None -> None
  | Some continue -> (
      try
        elsewhere continue;
        None
      with exn -> Some exn)

let places =
  let never () = fst (Lwt.wait ()) in
  let move () = Effect.perform Move in
  let once f =
    let first = ref true in
    fun () ->
      if !first then (
        first := false;
        f ())
  in
  [
    ( "a callback",
      fun () ->
        Lwt.pause () >>= fun () ->
        move ();
        Lwt.return_unit );
    ( "a callback that waits",
      fun () ->
        Lwt.pause () >>= fun () ->
        move ();
        Lwt_unix.sleep 0.001 );
    ("map", fun () -> Lwt.map move (Lwt.pause ()));
    ( "catch",
      fun () ->
        Lwt.catch
          (fun () -> Lwt.pause () >>= fun () -> Lwt.fail Exit)
          (fun _ ->
            move ();
            Lwt.pause ()) );
    ( "an enter hook",
      fun () ->
        ignore (Lwt_main.Enter_iter_hooks.add_first (once move));
        never () );
    ( "a leave hook",
      fun () ->
        ignore (Lwt_main.Leave_iter_hooks.add_first (once move));
        ignore (Lwt.pause ());
        never () );
    ( "a timer",
      fun () ->
        ignore (Lwt_engine.on_timer 0. false (fun _ -> move ()));
        never () );
    ( "a notification",
      fun () ->
        Lwt_unix.send_notification (Lwt_unix.make_notification ~once:true move);
        never () );
  ]

let moved_loop (name, place) () =
  for _ = 1 to 20 do
    (match moved (fun () -> Lwt_main.run (place ())) with
    | Some (Invalid_argument text) ->
        check text (contains text ~part:(Printf.sprintf "domain %d" (domain ())))
    | Some exn -> check (name ^ ": " ^ Printexc.to_string exn) false
    | None -> check (name ^ ": not refused") false);
    (* The domain that the loop has left goes on. *)
    Lwt_main.run (Lwt_unix.sleep 0.0001)
  done

let hooks name hook =
  (name, List.map (fun (way, make) -> case way (resolved_by hook make)) ways)

let () =
  Lwt_main.run (Lwt_unix.sleep 0.001);
  Alcotest.run "dlwt loop"
    [
      hooks "an enter hook ends the run" enter;
      hooks "a leave hook ends the run" leave;
      ("a loop that another domain continues: refused", in_two_domains moved_loop places);
    ]
