open Lwt.Syntax
open Everywhere
module Handle = Lwt_interop.Handle

let make n f =
  for _ = 1 to n do
    ignore (Sys.opaque_identity (f ()) : Rust.thing)
  done

(* Returns when the domain's loop was not busy for a nanosecond in ten milliseconds. *)
let wait_for_sleep handle =
  let before = ref (Handle.stats handle) in
  Expect.eventually_blocking (fun () ->
      let now = Handle.stats handle in
      let long_enough = now.alive -. !before.alive >= 0.01 in
      let slept = long_enough && now.busy = !before.busy in
      if long_enough then before := now;
      slept)

(* The calling domain's loop sleeps, and [f] drops the last reference to a value elsewhere. *)
let with_last_reference f () =
  Lwt_main.run
  @@
  let tag = tag () in
  let kept = Atomic.make (Some (Rust.thing_notifying tag)) in
  Gc.full_major ();
  let me = Handle.current () in
  let drop () =
    wait_for_sleep me;
    Atomic.set kept None;
    Gc.full_major ()
  in
  let dropped = Rust.thing_dropped tag in
  let* () = f drop dropped in
  Expect.int "values" 0 (Rust.futures_alive tag);
  Expect.that "dropped in this domain's loop"
    (Rust.things_dropped tag = [| Handle.id me |]);
  Lwt.return_unit

let by_a_domain =
  with_last_reference @@ fun drop dropped ->
  let domain = Domain.spawn drop in
  let* () = dropped in
  Domain.join domain;
  Lwt.return_unit

let by_a_thread =
  with_last_reference @@ fun drop dropped ->
  let thread = Thread.create drop () in
  let* () = dropped in
  Thread.join thread;
  Lwt.return_unit

(* The calling domain runs no loop, and there is no other domain. *)
let at_the_end () =
  let tag = tag () in
  let id =
    Domain.join
      (Domain.spawn (fun () ->
           Lwt_main.run (Lwt.pause ());
           make 10 (fun () -> Rust.thing_create tag);
           make 10 (fun () -> Rust.thing_with_panicking_drop tag);
           make 10 (fun () -> Rust.thing_spawning tag);
           Gc.full_major ();
           Expect.that "no value is dropped within a collection"
             (Rust.things_dropped tag = [||]);
           (Domain.self () :> int)))
  in
  Expect.that "all values are dropped by the domain's termination"
    (Rust.things_dropped tag = Array.make 30 id);
  Expect.eventually_blocking (fun () -> Rust.futures_alive tag = 0)

(* Other domains collect the values that a terminated domain has made. *)
let after_their_domain () =
  let tag = tag () in
  let kept =
    on_domain (fun () ->
        Lwt.return (ref (List.init 100 (fun _ -> Rust.thing_create tag))))
  in
  Expect.int "values after their domain's end" 100 (Rust.futures_alive tag);
  Expect.int "the first value's tag" tag (Rust.thing_tag (List.hd !kept));
  kept := [];
  Lwt_main.run
    (Expect.eventually (fun () ->
         Gc.full_major ();
         Rust.futures_alive tag = 0));
  Expect.int "dropped values, each once" 100 (Array.length (Rust.things_dropped tag))

(* All domains create values, exchange them, and drop them. *)
let stress () =
  let tag = tag () and n = 2_000 and domains = 4 in
  let shelf = Array.init 64 (fun _ -> Atomic.make None) in
  on_domains domains (fun d ->
      let rec go i =
        if i = n then Lwt.return_unit
        else
          let thing = Rust.thing_create tag in
          let other = Atomic.exchange shelf.(i * (d + 3) mod 64) (Some thing) in
          Option.iter
            (fun other -> Expect.int "a value's tag" tag (Rust.thing_tag other))
            other;
          if i mod 100 = 99 then if d = 0 then Gc.full_major () else Gc.minor ();
          let* () = if i mod 10 = 0 then Lwt.pause () else Lwt.return_unit in
          go (i + 1)
      in
      go 0);
  Array.iter (fun place -> Atomic.set place None) shelf;
  Lwt_main.run
    (Expect.eventually (fun () ->
         Gc.full_major ();
         Rust.futures_alive tag = 0));
  let places = Rust.things_dropped tag in
  Expect.int "dropped values, each once" (domains * n) (Array.length places);
  Expect.that "all in a loop" (Array.for_all (fun id -> id >= 0) places)

let suites =
  [
    ( "collected",
      [
        plain "a domain without a loop wakes a sleeping loop" by_a_domain;
        plain "a thread without a loop wakes a sleeping loop" by_a_thread;
        plain "a domain's termination drops its values" at_the_end;
        plain "values outlive the domain that made them" after_their_domain;
        plain "four domains create, share and drop values" stress;
      ] );
  ]
