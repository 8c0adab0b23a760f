open Lwt.Syntax
open Everywhere
module Handle = Lwt_interop.Handle

let collecting () =
  let seen = ref [] in
  ((fun n -> seen := n :: !seen), fun () -> List.rev !seen)

let is_increasing = function
  | [] -> false
  | first :: others ->
      fst (List.fold_left (fun (ok, last) n -> (ok && n > last, n)) (true, first) others)

let merged ~scale () =
  let add, seen = collecting () in
  let n = scaled ~scale 10_000 in
  let* () = Rust.queue_merged add n in
  Expect.that "in order" (is_increasing (seen ()));
  Expect.int "the newest" (n - 1) (List.hd (List.rev (seen ())));
  Lwt.return_unit

let newest () =
  let add, seen = collecting () in
  let* () = Rust.queue_newest add 100 3 in
  Expect.that "the last three" (seen () = [ 97; 98; 99 ]);
  Lwt.return_unit

let all ~scale () =
  let add, seen = collecting () in
  let busy = ref false in
  let n = scaled ~scale 1_000 in
  let* () =
    Rust.queue_all
      (fun i ->
        Expect.that "one after the other" (not !busy);
        busy := true;
        add i;
        let* () = if i mod 10 = 0 then Lwt.pause () else Lwt.return_unit in
        busy := false;
        Lwt.return_unit)
      n 4
  in
  Expect.that "all" (seen () = List.init n Fun.id);
  Lwt.return_unit

let failing () =
  let add, seen = collecting () in
  let* e =
    Expect.rejected "finish"
      (Rust.queue_all
         (fun i ->
           add i;
           if i = 2 then Lwt.fail Not_found else Lwt.return_unit)
         1_000 4)
  in
  Expect.that "the same exception" (e = Not_found);
  Expect.that "no call follows" (seen () = [ 0; 1; 2 ]);
  let* e = Expect.rejected "raised" (Rust.queue_newest (fun _ -> raise Exit) 3 3) in
  Expect.that "Exit" (e = Exit);
  Lwt.return_unit

let ended_domain () =
  let tag = tag () in
  let* () =
    with_other (fun { handle; _ } ->
        Handle.spawn handle (fun () ->
            Rust.queue_until_the_end ignore tag;
            Lwt.return_unit))
  in
  Expect.eventually (fun () -> Rust.futures_alive tag = 0)

let cases ~scale =
  [
    case "queues: calls are merged" (merged ~scale);
    case "queues: the oldest calls are dropped" newest;
    case "queues: senders wait for room" (all ~scale);
    case "queues: a call that fails is the last one" failing;
    case "queues: the domain terminates" ended_domain;
  ]
