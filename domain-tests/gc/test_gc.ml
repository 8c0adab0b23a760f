(* The cases of [functions] once more, and values that Rust keeps, while the collector moves values
   all the time. *)

open Lwt.Syntax
open Everywhere

let collect = Collector.collect
let () = Collector.between_iterations ()
let text i = String.init (1 + (i mod 50)) (fun k -> Char.chr (97 + ((i + k) mod 26)))

let kept () =
  let first = 1000 * tag () in
  for i = 0 to 99 do
    Rust.keep (first + i) (text i)
  done;
  Gc.full_major ();
  Gc.compact ();
  let check i = Expect.that "the kept value" (Rust.kept (first + i) = Some (text i)) in
  for i = 0 to 99 do
    check i;
    if i mod 25 = 0 then collect (7 * i)
  done;
  let* () =
    with_other (fun { handle; _ } ->
        Lwt_interop.Handle.spawn handle (fun () ->
            for i = 0 to 99 do
              check i
            done;
            Lwt.return_unit))
  in
  let kept_before = (Lwt_interop.totals ()).roots in
  for i = 0 to 99 do
    (* Each value replaces an earlier one, which is dropped. *)
    Rust.keep (first + i) (text (i + 1))
  done;
  Gc.full_major ();
  for i = 0 to 99 do
    Expect.that "the new value" (Rust.kept (first + i) = Some (text (i + 1)));
    Rust.forget (first + i)
  done;
  Expect.int "roots" (kept_before - 100) (Lwt_interop.totals ()).roots;
  Lwt.return_unit

(* Checks that the collector can free a value after [f value]. *)
let released what f =
  let collected = ref false in
  let* () =
    let value = Bytes.make 100 'x' in
    Gc.finalise (fun _ -> collected := true) value;
    f value
  in
  let rec go n =
    Gc.full_major ();
    if !collected then Lwt.return_unit
    else if n = 0 then Expect.failf "%s: the value is still reachable" what
    else
      let* () = Lwt.pause () in
      go (n - 1)
  in
  go 100

let dropped_elsewhere () =
  with_other (fun { id; _ } ->
      let drop where value = Any_value.drop_elsewhere value where id in
      let* () = released "on a thread" (drop 0) in
      let* () = released "on tokio" (drop 1) in
      let* () = released "on tokio's blocking pool" (drop 2) in
      let* () = released "on another domain" (drop 3) in
      let* () =
        Lwt_list.iter_p
          (fun i -> Any_value.drop_elsewhere (text i) (i mod 4) id)
          (List.init 200 Fun.id)
      in
      let* text = Rust.drop_exception_elsewhere (Lwt.fail (Failure "dropped")) in
      Expect.contains "an exception" ~part:"dropped" text;
      Lwt.return_unit)

let not_reachable () =
  let* () =
    released "an argument" (fun value -> Lwt.map ignore (Any_value.hold value 3))
  in
  let* () =
    released "an argument that is not used" (fun value ->
        Lwt.map ignore (Any_value.hold value 0))
  in
  let* () =
    released "a callback" (fun value ->
        Lwt.map ignore (Rust.call_async (fun i -> Lwt.return (i + Bytes.length value)) 3))
  in
  let* () =
    released "an exception" (fun value ->
        Lwt.catch
          (fun () ->
            Lwt.map ignore
              (Rust.call_async (fun _ -> raise (Failure (Bytes.to_string value))) 1))
          (fun _ -> Lwt.return_unit))
  in
  let* () =
    released "the argument of a cancelled call" (fun value ->
        let p = Any_value.hold value 1_000_000 in
        let* (_ : string) = Rust.yield_n 3 "" in
        Lwt.cancel p;
        Lwt.return_unit)
  in
  released "a promise" (fun value ->
      let p, _ = Lwt.task () in
      let* (_ : bool) =
        Rust.await_briefly (Lwt.map (fun () -> ignore (Bytes.length value)) p) 1
      in
      Lwt.return_unit)

(* Conversions build structures while the collector moves their parts. *)
let graphs () =
  let check i =
    let entry =
      {
        Rust.name = text i;
        size = i;
        tags = List.init 20 text;
        shape = Rust.Rectangle (1.5, 2.5);
      }
    in
    let* tagged = Rust.tagged entry (text (i + 7)) in
    Expect.that "an entry" (tagged = { entry with tags = entry.tags @ [ text (i + 7) ] });
    let map = List.init 20 (fun k -> (Printf.sprintf "%02d" k, text (i + k))) in
    let* lengths = Rust.lengths map in
    Expect.that "a map" (lengths = List.map (fun (k, v) -> (k, String.length v)) map);
    let* s, floats, option = Rust.structured (20 + i) in
    Expect.that "a tuple"
      (s = String.make (20 + i) 'x'
      && Array.length floats = 20 + i
      && option = Some (string_of_int (20 + i)));
    Lwt.return_unit
  in
  Lwt_list.iter_p check (List.init 50 Fun.id)

let own =
  [
    alone "garbage collector: a value that Rust keeps stays" kept;
    case "garbage collector: any thread may drop a value" dropped_elsewhere;
    case "garbage collector: a value that Rust has dropped is freed" not_reachable;
    case "garbage collector: structures survive their conversion" graphs;
  ]

let () =
  Collector.beside (fun () ->
      Alcotest.run "gc" ~and_exit:false
        (suites ~on:[ "Domain 0" ] ~several:[ 2 ] (Cases.all ~scale:400 @ own)
        @ [ ("at the end", [ nothing_left () ]) ]))
