(* Structures at module level, which are made in one domain and used in another: the owner is
   the first domain that uses them. When it has terminated, another domain can become the
   owner of an idle structure. *)

open Lwt.Infix
open Support

module Throttle = Lwt_throttle.Make (struct
  type t = int

  let equal = Int.equal
  let hash = Hashtbl.hash
end)

(* A structure that has no owner until it is used: [use] works in any domain and leaves the
   structure idle, [leave_in_use] does not. *)
type shared = { use : unit -> unit; leave_in_use : unit -> unit }

let shared_mutex () =
  let m = Lwt_mutex.create () in
  {
    use = (fun () -> Lwt_main.run (Lwt_mutex.with_lock m Lwt.pause));
    leave_in_use = (fun () -> Lwt_main.run (Lwt_mutex.lock m));
  }

let shared_condition () =
  let c = Lwt_condition.create () in
  {
    use = (fun () -> Lwt.cancel (Lwt_condition.wait c));
    leave_in_use = (fun () -> ignore (Lwt_condition.wait c));
  }

let shared_mvar () =
  let m = Lwt_mvar.create 1 in
  {
    use = (fun () -> Lwt_main.run (Lwt_mvar.take m >>= fun v -> Lwt_mvar.put m (v + 1)));
    leave_in_use = (fun () -> ignore (Lwt_mvar.put m 9));
  }

let shared_pool () =
  let p = Lwt_pool.create 1 (fun () -> Lwt.return 3) in
  {
    use = (fun () -> Lwt_main.run (Lwt_pool.use p (fun _ -> Lwt.pause ())));
    leave_in_use = (fun () -> ignore (Lwt_pool.use p (fun _ -> fst (Lwt.wait ()))));
  }

let shared_switch () =
  let s = Lwt_switch.create () in
  {
    use = (fun () -> Lwt_switch.add_hook (Some s) Lwt.pause);
    leave_in_use = (fun () -> Lwt_switch.add_hook (Some s) Lwt.pause);
  }

let shared_throttle () =
  let t = Throttle.create ~rate:10 ~max:10 ~n:10 in
  {
    use = (fun () -> check "may" (Lwt_main.run (Throttle.wait t 1)));
    leave_in_use = (fun () -> ignore (Throttle.wait t 1));
  }

let all_shared =
  [
    ("Lwt_mutex", shared_mutex);
    ("Lwt_condition", shared_condition);
    ("Lwt_mvar", shared_mvar);
    ("Lwt_pool", shared_pool);
    ("Lwt_switch", shared_switch);
    ("Lwt_throttle", shared_throttle);
  ]

(* Any use of a switch or throttle leaves it in use. *)
let is_left_idle name = not (List.mem name [ "Lwt_switch"; "Lwt_throttle" ])

let made_here_used_elsewhere make () =
  let { use; _ } = make () in
  elsewhere (fun () ->
      use ();
      use ())

let idle_is_claimed (name, make) =
  let { use; _ } = make () in
  for _ = 1 to 3 do
    elsewhere use
  done;
  use ();
  let owner = domain () in
  elsewhere (fun () -> refused ~what:name ~owner use)

let in_use_is_refused make () =
  let { use; leave_in_use } = make () in
  let other =
    elsewhere (fun () ->
        leave_in_use ();
        domain ())
  in
  match use () with
  | exception Invalid_argument text ->
      check text
        (contains text ~part:(Printf.sprintf "domain %d (which has terminated)" other))
  | () -> Alcotest.fail "not refused"

(* Of several domains that use it at the same time, one becomes the owner. *)
let one_owner make () =
  for _ = 1 to 10 do
    let { leave_in_use; _ } = make () in
    let ready = Atomic.make 0 and got = Atomic.make 0 and refused = Atomic.make 0 in
    let enter () =
      Atomic.incr ready;
      while Atomic.get ready < 3 do
        Domain.cpu_relax ()
      done;
      (match leave_in_use () with
      | () -> Atomic.incr got
      | exception Invalid_argument _ -> Atomic.incr refused);
      (* No domain may terminate before all have tried. *)
      while Atomic.get got + Atomic.get refused < 3 do
        Domain.cpu_relax ()
      done
    in
    List.init 3 (fun _ -> Domain.spawn enter) |> List.iter Domain.join;
    Alcotest.(check int) "one owner" 1 (Atomic.get got)
  done

(* ------------------------------------------- uses that change nothing *)

(* [make ()] is a structure that nothing waits for and nothing is in: [touch] does nothing
   to it, [use] makes the calling domain its owner and leaves it as it was. *)
type idle = { touch : unit -> unit; use : unit -> unit }

let idle_condition touch () =
  let c = Lwt_condition.create () in
  { touch = (fun () -> touch c); use = (fun () -> Lwt.cancel (Lwt_condition.wait c)) }

let idle_mutex () =
  let m = Lwt_mutex.create () in
  {
    touch = (fun () -> Lwt_mutex.unlock m);
    use = (fun () -> Lwt_main.run (Lwt_mutex.with_lock m Lwt.pause));
  }

let idle_mvar () =
  let m = Lwt_mvar.create_empty () in
  {
    touch = (fun () -> check "empty" (Lwt_mvar.take_available m = None));
    use = (fun () -> Lwt_main.run (Lwt_mvar.put m () >>= fun () -> Lwt_mvar.take m));
  }

let idle_pool () =
  let p = Lwt_pool.create 1 (fun () -> Lwt.return 3) in
  let clear () = Lwt_main.run (Lwt_pool.clear p) in
  {
    touch = clear;
    use =
      (fun () ->
        Lwt_main.run (Lwt_pool.use p (fun _ -> Lwt.pause ()));
        clear ());
  }

let switched_off () =
  let s = Lwt_switch.create () in
  let off () = Lwt_main.run (Lwt_switch.turn_off s) in
  elsewhere off;
  {
    touch =
      (fun () ->
        off ();
        (match Lwt_switch.add_hook (Some s) Lwt.pause with
        | () -> check "not off" false
        | exception Lwt_switch.Off -> ());
        Lwt_main.run (Lwt_switch.add_hook_or_exec (Some s) Lwt.pause));
    use = off;
  }

let stopped_timeout () =
  let t = Lwt_timeout.create 100 ignore and owner = domain () in
  {
    touch = (fun () -> Lwt_timeout.stop t);
    use =
      (fun () ->
        if domain () = owner then (
          Lwt_timeout.start t;
          Lwt_timeout.stop t));
  }

let channel_properties () =
  let ch = Lwt_io.of_bytes ~mode:Lwt_io.input (Lwt_bytes.of_string "text") in
  {
    touch =
      (fun () ->
        check "open" (not (Lwt_io.is_closed ch || Lwt_io.is_busy ch));
        check "buffered" (Lwt_io.buffered ch = 4 && Lwt_io.position ch = 0L));
    use = ignore;
  }

let idle =
  [
    ("Lwt_condition.signal", idle_condition (fun c -> Lwt_condition.signal c ()));
    ("Lwt_condition.broadcast", idle_condition (fun c -> Lwt_condition.broadcast c ()));
    ( "Lwt_condition.broadcast_exn",
      idle_condition (fun c -> Lwt_condition.broadcast_exn c Exit) );
    ("Lwt_mutex.unlock, not locked", idle_mutex);
    ("Lwt_mvar.take_available, empty", idle_mvar);
    ("Lwt_pool.clear, empty", idle_pool);
    ("Lwt_switch, off", switched_off);
    ("Lwt_timeout.stop, not started", stopped_timeout);
    ("Lwt_io: properties of a channel", channel_properties);
  ]

(* A thousand times in four domains at once, before a domain owns it and while one does. *)
let free_everywhere make () =
  let { touch; use } = make () in
  let touch_often () =
    for _ = 1 to 1000 do
      touch ()
    done
  in
  let everywhere () =
    let others = List.init 3 (fun _ -> Domain.spawn touch_often) in
    touch_often ();
    List.iter Domain.join others
  in
  everywhere ();
  elsewhere (fun () ->
      touch_often ();
      use ();
      (* The owner lives. *)
      everywhere ();
      use ())

let case name f = Alcotest.test_case name `Quick f
let for_each test = List.map (fun (name, make) -> case name (test make)) all_shared

let () =
  Lwt_main.run (Lwt_unix.sleep 0.001);
  Alcotest.run "dlwt claims"
    [
      ("made in one domain, used in another", for_each made_here_used_elsewhere);
      ( "left idle by a terminated domain: claimed",
        List.filter (fun (name, _) -> is_left_idle name) all_shared
        |> List.map (fun (name, make) ->
               case name (fun () -> idle_is_claimed (name, make))) );
      ("left in use by a terminated domain: refused", for_each in_use_is_refused);
      ( "a use that changes nothing: free in every domain",
        List.map (fun (name, make) -> case name (free_everywhere make)) idle );
      ("used first by several domains at once: one owner", for_each one_owner);
    ]
