open Lwt.Infix
open Support

let await = Lwt_direct.await

let sequence () =
  Lwt_direct.spawn (fun () ->
      let sum = ref 0 in
      for i = 1 to 50 do
        await (Lwt.pause ());
        Lwt_direct.yield ();
        sum := !sum + await (Lwt.map (fun () -> i) (Lwt_unix.sleep 0.0001))
      done;
      check "sum" (!sum = 1275))

let exceptions () =
  Lwt_direct.spawn (fun () ->
      match await (Lwt.bind (Lwt.pause ()) (fun () -> Lwt.fail Exit)) with
      | exception Exit -> ()
      | () -> check "the exception comes out of await" false)

let key : int Lwt.key = Lwt.new_key ()

let storage () =
  let me = domain () in
  Lwt_direct.spawn (fun () ->
      Lwt_direct.Storage.set key me;
      for _ = 1 to 20 do
        await (Lwt.pause ());
        check "storage" (Lwt_direct.Storage.get key = Some me)
      done;
      Lwt_direct.Storage.remove key;
      check "removed" (Lwt_direct.Storage.get key = None))

(* A task that a later enter hook adds when there is nothing else to do. *)
let task_of_a_hook () =
  let added = ref false in
  let p, u = Lwt.wait () in
  Lwt_direct.spawn ignore >>= fun () ->
  let hook =
    Lwt_main.Enter_iter_hooks.add_last (fun () ->
        if not !added then (
          added := true;
          ignore (Lwt_direct.spawn (fun () -> Lwt.wakeup_later u ()))))
  in
  p >|= fun () -> Lwt_main.Enter_iter_hooks.remove hook

let many () = Lwt.join (List.init 50 (fun _ -> sequence ()))

let all =
  [
    ("direct: sequence", sequence);
    ("direct: exceptions", exceptions);
    ("direct: storage", storage);
    ("direct: a task of a hook", task_of_a_hook);
    ("direct: many", many);
  ]
