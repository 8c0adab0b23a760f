(* Pools: creating one, sending work to it, and the program's default pool. *)

open Lwt.Syntax
open Everywhere
open Pool_fixture
module Pool = Lwt_interop.Pool
module Handle = Lwt_interop.Handle

let create () =
  with_pool ~domains:3 (fun pool ->
      Expect.int "size" 3 (Pool.size pool);
      let ids = List.init 3 (fun i -> Handle.id (Pool.handle pool i)) in
      Expect.int "distinct domains" 4
        (List.length (List.sort_uniq compare (self () :: ids)));
      let* seen =
        Lwt_list.mapi_p
          (fun i _ -> Pool.spawn_on pool i (fun () -> Lwt.return (self ())))
          ids
      in
      Expect.that "each function runs on its domain" (seen = ids);
      invalid "handle 3" (fun () -> Pool.handle pool 3);
      invalid "handle -1" (fun () -> Pool.handle pool (-1));
      invalid "spawn_on 3" (fun () -> Pool.spawn_on pool 3 Lwt.return);
      invalid "0 domains" (fun () -> Pool.create ~domains:0 ());
      invalid "-1 domains" (fun () -> Pool.create ~domains:(-1) ());
      invalid "a minor heap of 0 words" (fun () ->
          Pool.create ~domains:1 ~minor_heap:0 ());
      Lwt.return_unit)

let least_loaded () =
  with_pool ~domains:3 (fun pool ->
      let gate = Atomic.make false in
      let wait () = Expect.eventually (fun () -> Atomic.get gate) in
      let blocked = [ Pool.spawn_on pool 0 wait; Pool.spawn_on pool 2 wait ] in
      let free = Handle.id (Pool.handle pool 1) in
      let rec go n =
        if n = 0 then Lwt.return_unit
        else
          let* seen = Pool.spawn pool (fun () -> Lwt.return (self ())) in
          Expect.int "the domain without work" free seen;
          go (n - 1)
      in
      Lwt.finalize
        (fun () ->
          let* () = go 10 in
          let more =
            List.init 3 (fun _ -> Pool.spawn pool (fun () -> Lwt.map self (wait ())))
          in
          Atomic.set gate true;
          let* seen = Lwt.all more in
          Expect.that "the functions are spread over domains"
            (List.length (List.sort_uniq compare seen) >= 2);
          Lwt.join blocked)
        (fun () ->
          Atomic.set gate true;
          Lwt.return_unit))

(* The function is no longer in progress, so that the shutdown does not wait for it. *)
let foreign_promise () =
  with_pool ~domains:1 (fun pool ->
      let p, _ = Lwt.wait () in
      let* e =
        Expect.rejected "another domain's promise" (Pool.spawn pool (fun () -> p))
      in
      match e with Invalid_argument _ -> Pool.shutdown pool | e -> raise e)

(* It is not counted as work: the pool shuts down, and its domain is chosen for the next function. *)
let cancelled_before () =
  with_pool ~domains:2 (fun pool ->
      let gate = Atomic.make false and started = Atomic.make 0 in
      let block () =
        while not (Atomic.get gate) do
          Domain.cpu_relax ()
        done;
        Lwt.return_unit
      in
      let blocked = List.init 2 (fun i -> Pool.spawn_on pool i block) in
      let queued =
        List.init 10 (fun _ ->
            Pool.spawn_on pool 0 (fun () ->
                Atomic.incr started;
                Lwt.return_unit))
      in
      List.iter Lwt.cancel queued;
      Atomic.set gate true;
      let* () = Lwt.join blocked in
      let* () = Pool.spawn_on pool 0 Lwt.return in
      Expect.int "functions that have started" 0 (Atomic.get started);
      let wait () = Expect.eventually (fun () -> not (Atomic.get gate)) in
      let busy = Pool.spawn_on pool 1 wait in
      let* seen = Pool.spawn pool (fun () -> Lwt.return (self ())) in
      Expect.int "the domain without work" (Handle.id (Pool.handle pool 0)) seen;
      Atomic.set gate false;
      let* () = busy in
      Pool.shutdown pool)

let map () =
  with_pool ~domains:2 (fun pool ->
      let n = 500 in
      let f i =
        let* text = Rust.yield_n (i mod 5) (string_of_int i) in
        Lwt.return (text, self ())
      in
      let* all = Pool.map pool f (List.init n Fun.id) in
      Expect.that "results are in order" (List.map fst all = List.init n string_of_int);
      Expect.int "domains that took part" 2
        (List.length (List.sort_uniq compare (List.map snd all)));
      let* none = Pool.map pool f [] in
      Expect.that "an empty list" (none = []);
      let* e =
        Expect.rejected "one fails"
          (Pool.map pool
             (fun i -> if i = 3 then failwith "three" else Lwt.return i)
             [ 1; 2; 3; 4 ])
      in
      Expect.that "its exception" (e = Failure "three");
      Lwt.return_unit)

let cancelled_map () =
  with_pool ~domains:2 (fun pool ->
      let tag = tag () in
      let p = Pool.map pool (fun () -> Rust.never tag) [ (); (); (); () ] in
      let* () = Expect.eventually (fun () -> Rust.futures_alive tag = 4) in
      Lwt.cancel p;
      let* () = Expect.cancelled "the promise" p in
      Expect.eventually (fun () -> Rust.futures_alive tag = 0))

let cancelled () =
  with_pool ~domains:1 (fun pool ->
      let tag = tag () in
      let p = Pool.spawn pool (fun () -> Rust.never tag) in
      let* () = Expect.eventually (fun () -> Rust.futures_alive tag = 1) in
      Lwt.cancel p;
      let* () = Expect.cancelled "the promise" p in
      (* If the function were still pending, the pool would never shut down. *)
      Expect.eventually (fun () -> Rust.futures_alive tag = 0))

let too_many () =
  let before = Array.length (Rust.known_domains ()) in
  (match Expect.raised "too many" (fun () -> Pool.create ~domains:200 ()) with
  | Failure _ -> ()
  | e -> raise e);
  Expect.int "domains, after the error" before (Array.length (Rust.known_domains ()));
  Lwt_main.run
    (with_pool ~domains:2 (fun pool ->
         let* n = Pool.spawn pool (fun () -> Lwt.return 1) in
         Expect.int "a smaller pool's result" 1 n;
         Lwt.return_unit))

let from_within () =
  with_pool ~domains:2 (fun pool ->
      let rec fib n =
        if n < 2 then Lwt.return n
        else
          let* a = Pool.spawn pool (fun () -> fib (n - 1))
          and* b = Pool.spawn pool (fun () -> fib (n - 2)) in
          Lwt.return (a + b)
      in
      let* n = fib 12 in
      Expect.int "fib 12" 144 n;
      Lwt.return_unit)

let run () =
  invalid "no pool" Pool.default;
  let n =
    Lwt_interop.run ~domains:2 (fun () ->
        let pool = Pool.default () in
        Expect.int "the default pool's size" 2 (Pool.size pool);
        let* there =
          Pool.spawn pool (fun () -> Lwt.return (Pool.size (Pool.default ())))
        in
        invalid "a run within a run" (fun () -> Lwt_interop.run Lwt.return);
        Lwt.return there)
  in
  Expect.int "the value of run" 2 n;
  invalid "no pool after run" Pool.default;
  let e =
    Expect.raised "rejected" (fun () ->
        Lwt_interop.run ~domains:1 (fun () -> Lwt.fail Exit))
  in
  Expect.that "its exception" (e = Exit);
  let e =
    Expect.raised "raised" (fun () -> Lwt_interop.run ~domains:1 (fun () -> raise Exit))
  in
  Expect.that "its exception" (e = Exit);
  invalid "0 domains" (fun () -> Lwt_interop.run ~domains:0 Lwt.return);
  Expect.int "a second run" 3 (Lwt_interop.run ~domains:1 (fun () -> Lwt.return 3));

  let n =
    Domain.join
      (Domain.spawn (fun () -> Lwt_interop.run ~domains:1 (fun () -> Rust.ready_add 1 2)))
  in
  Expect.int "a run on another domain" 3 n

(* The loop of the next run continues the first one's main function. *)
let interrupted_run () =
  let may_end, resolver = Lwt.wait () in
  let has_ended = ref false in
  let main () =
    let hook = ref None in
    let interrupt () =
      Option.iter Lwt_main.Enter_iter_hooks.remove !hook;
      raise Exit
    in
    hook := Some (Lwt_main.Enter_iter_hooks.add_first interrupt);
    let+ () = may_end in
    has_ended := true
  in
  let e = Expect.raised "interrupted" (fun () -> Lwt_interop.run ~domains:1 main) in
  Expect.that "its exception" (e = Exit);
  Lwt_interop.run ~domains:2 (fun () ->
      Lwt.wakeup_later resolver ();
      let* () = Expect.eventually (fun () -> !has_ended) in
      let* () = Lwt.pause () in
      Expect.int "the pool" 2 (Pool.size (Pool.default ()));
      Lwt.return_unit)

let minor_heap () =
  let size () = (Gc.get ()).minor_heap_size in
  let here = size () in
  let pool = Pool.create ~domains:2 ~minor_heap:(2 * here) () in
  Lwt.finalize
    (fun () ->
      let* sizes = Pool.map pool (fun () -> Lwt.return (size ())) [ (); () ] in
      List.iter (Expect.int "words of the pool's minor heaps" (2 * here)) sizes;
      Expect.int "words of the creator's minor heap" here (size ());
      Lwt.return_unit)
    (fun () -> Pool.shutdown pool)

(* The test with the runtime's parameter s=256 is the suite gc. *)
let default_minor_heap () =
  let words () = (Gc.get ()).minor_heap_size in
  let set words = Gc.set { (Gc.get ()) with minor_heap_size = words } in
  let before = words () in
  let sizes what expected pool =
    let* sizes = Pool.map pool (fun () -> Lwt.return (words ())) [ (); () ] in
    List.iter (Expect.int what expected) sizes;
    Lwt.return_unit
  in
  let of_pool what expected () =
    let pool = Pool.create ~domains:2 () in
    Lwt.finalize
      (fun () ->
        let* () = sizes what expected pool in
        let* () = Pool.replace pool 0 (fun _ -> Lwt.return_unit) in
        sizes (what ^ ", replaced") expected pool)
      (fun () -> Pool.shutdown pool)
  in
  let limit = Lwt_interop__.Memory_limit.read () in
  let expected = max (1 lsl 18) (min (1 lsl 21) (limit.memory / 16 / 2 / 8)) in
  (* [ulimit -v] is for those who want less. *)
  let expected = if limit.address_space = max_int then expected else words () in
  set (1 lsl 18);
  Lwt.finalize
    (fun () ->
      let* () = of_pool "the default" expected () in
      Expect.int "the creator's" (1 lsl 18) (words ());
      set (1 lsl 16);
      let* () = of_pool "what the program has chosen" (1 lsl 16) () in
      set (1 lsl 18);
      let* found =
        Lwt_interop.Blocking.run (fun () ->
            Domain.join
              (Domain.spawn (fun () ->
                   let inside =
                     Lwt_interop.run ~domains:2 (fun () ->
                         let* () = sizes "of run" expected (Pool.default ()) in
                         let* () = of_pool "of a pool beside run" expected () in
                         Lwt.return (words ()))
                   in
                   (inside, words ()))))
      in
      Expect.int "of the caller of run" expected (fst found);
      Expect.int "after run" (1 lsl 18) (snd found);
      Lwt.return_unit)
    (fun () ->
      set before;
      Lwt.return_unit)

(* The files of /proc and /sys, on several kinds of systems. *)
let memory_limits () =
  let root = Filename.temp_dir "memory" "" in
  let rec make directory =
    if not (Sys.file_exists directory) then (
      make (Filename.dirname directory);
      Sys.mkdir directory 0o700)
  in
  let write (path, text) =
    let path = root ^ path in
    make (Filename.dirname path);
    Out_channel.with_open_bin path (fun c -> output_string c text)
  in
  let is what ?(memory = max_int) ?(address_space = max_int) files =
    List.iter write files;
    let found = Lwt_interop__.Memory_limit.read ~root () in
    Expect.int (what ^ ", memory") memory found.memory;
    Expect.int (what ^ ", addresses") address_space found.address_space;
    ignore (Sys.command ("rm -r " ^ Filename.quote root) : int);
    Sys.mkdir root 0o700
  in
  let machine = ("/proc/meminfo", "MemTotal:       24664252 kB\nMemFree: 1 kB\n") in
  let mib = 1 lsl 20 in
  is "nothing to read" [];
  is "a machine" ~memory:(24664252 * 1024) [ machine ];
  is "a group of version 2" ~memory:(512 * mib)
    [
      machine;
      ("/proc/self/cgroup", "0::/a/b\n");
      ("/sys/fs/cgroup/a/memory.max", "536870912\n");
      ("/sys/fs/cgroup/a/b/memory.max", "max\n");
    ];
  is "a group with colons" ~memory:(512 * mib)
    [
      machine;
      ("/proc/self/cgroup", "0::/pod.slice:cri:0123\n");
      ("/sys/fs/cgroup/pod.slice:cri:0123/memory.max", "536870912\n");
    ];
  is "a container whose group has another path outside" ~memory:(256 * mib)
    [
      machine;
      ("/proc/self/cgroup", "0::/../elsewhere\n");
      ("/sys/fs/cgroup/memory.max", "268435456\n");
    ];
  is "a group of version 1" ~memory:(100 * mib)
    [
      machine;
      ("/proc/self/cgroup", "9:name=systemd:/\n4:cpu,memory:/x\n0::/\n");
      ("/sys/fs/cgroup/memory/x/memory.limit_in_bytes", "104857600\n");
      ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    ];
  is "ulimit -v" ~memory:(24664252 * 1024) ~address_space:(4096 * mib)
    [
      machine;
      ( "/proc/self/limits",
        "Limit  Soft Limit  Hard Limit  Units\n\
         Max address space         4294967296           unlimited            bytes\n" );
    ];
  is "nonsense"
    [
      ("/proc/meminfo", "MemTotal: many kB\n");
      ("/proc/self/cgroup", "::\nx\n4:memory\n");
      ("/proc/self/limits", "Max address space\n");
    ];
  Sys.rmdir root;
  Lwt.return_unit

let suites =
  List.map
    (fun (place, tests) -> ("pool: " ^ place, tests))
    (suites
       [
         case "create starts distinct domains" create;
         alone "create sets the size of minor heaps" minor_heap;
         alone "the default size of minor heaps" default_minor_heap;
         alone "the memory that the process may use" memory_limits;
         case "spawn picks the least loaded domain" least_loaded;
         case "another domain's promise is rejected" foreign_promise;
         case "a cancelled function does not start, and is no work" cancelled_before;
         case "map keeps the order of the elements" map;
         case "cancelling a map cancels all elements" cancelled_map;
         case "cancelling the promise cancels the function" cancelled;
         case "functions of a pool spawn on the pool" from_within;
       ])
  @ [
      ( "pool: all",
        [
          plain "more domains than OCaml allows is an error" too_many;
          plain "run has a default pool until it returns" run;
          plain "an interrupted run ends beside the next one" interrupted_run;
        ] );
    ]
