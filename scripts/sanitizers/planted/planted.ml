(* A bug for each argument, except for those with [sound]. A sanitizer that does not report these would not
   report ours. *)

external c_count : unit -> unit = "planted_c_count" [@@noalloc]
external c_use_after_free : unit -> unit = "planted_c_use_after_free"
external c_leak : unit -> unit = "planted_c_leak"
external c_freed_root : string list -> unit = "planted_c_freed_root"
external rust_count : unit -> unit = "planted_rust_count" [@@noalloc]
external rust_count_well : unit -> unit = "planted_rust_count_well" [@@noalloc]
external rust_write : int ref -> unit = "planted_rust_write" [@@noalloc]
external rust_use_after_free : unit -> unit = "planted_rust_use_after_free"
external rust_leak : unit -> unit = "planted_rust_leak"

(* Returns once both domains have called it. The first one sleeps, so that its accesses stay in the
   history that the sanitizer keeps. *)
let meeting () =
  let lock = Mutex.create () and changed = Condition.create () and here = ref 0 in
  fun () ->
    Mutex.protect lock (fun () ->
        incr here;
        Condition.broadcast changed;
        while !here < 2 do
          Condition.wait changed lock
        done)

(* Runs [f] and [g] in two domains without an order between them, such as a domain's end would
   make. *)
let both f g =
  let begin_ = meeting () and end_ = meeting () in
  let many f () =
    begin_ ();
    for _ = 1 to 100 do
      f ()
    done;
    end_ ()
  in
  let other = Domain.spawn (many f) in
  many g ();
  Domain.join other

let twice f = both f f
let reference = Sys.opaque_identity (ref 0)

(* In Lwt's C code, which is not instrumented. *)
external read : Unix.file_descr -> Bytes.t -> int -> int -> int = "lwt_unix_read"

(* Leaves that code by an exception, more often than a shadow stack has frames. *)
let raise_much () =
  let closed = Unix.dup Unix.stdin in
  Unix.close closed;
  for _ = 1 to 100_000 do
    match read closed Bytes.empty 0 0 with
    | _ -> failwith "the descriptor is closed"
    | exception Unix.Unix_error (Unix.EBADF, _, _) -> ()
  done

exception Interrupted

(* A profiler raises where [f] allocates. *)
let interrupted f =
  let raise_there _ = raise Interrupted in
  let tracker = { Gc.Memprof.null_tracker with alloc_minor = raise_there } in
  let profile = Gc.Memprof.start ~sampling_rate:1. ~callstack_size:0 tracker in
  (try f () with Interrupted | Failure _ -> ());
  Gc.Memprof.stop ();
  Gc.Memprof.discard profile

(* The argument of [raise] is allocated. *)
let fail () = failwith (Sys.opaque_identity "")

(* A closure is, in a function of the compiler's own. *)
let apply_partially () =
  let add = Sys.opaque_identity (fun a b -> a + b) in
  ignore (Sys.opaque_identity (add 1) : int -> int)

(* A signal handler raises at the entry of a function, which is where OCaml polls if it calls itself.
   ThreadSanitizer keeps signals back until it is called by an access to an [Atomic.t]. *)
let rec call_itself zero = if Atomic.get zero = 0 then call_itself zero

let interrupted_call () =
  ignore (Unix.setitimer ITIMER_REAL { it_value = 1e-5; it_interval = 0. });
  try call_itself (Atomic.make 0) with Interrupted -> ()

let interrupt_much () =
  let handler = Sys.Signal_handle (fun _ -> raise Interrupted) in
  Sys.set_signal Sys.sigalrm handler;
  for _ = 1 to 1000 do
    try
      interrupted fail;
      interrupted apply_partially;
      interrupted_call ()
    with Interrupted -> ()
  done

let () =
  match Sys.argv.(1) with
  | "sound" ->
      let n = Atomic.make 0 in
      twice (fun () ->
          rust_count_well ();
          Atomic.incr n)
  | "sound-interrupted" -> interrupt_much ()
  | "race-in-ocaml" -> twice (fun () -> reference := !reference + 1)
  | "race-in-c" -> twice c_count
  | "race-in-rust" -> twice rust_count
  | "race-of-rust-and-ocaml" ->
      both (fun () -> rust_write reference) (fun () -> reference := 5)
  | "race-after-raising" ->
      raise_much ();
      twice (fun () -> reference := !reference + 1)
  | "use-after-free-in-c" -> c_use_after_free ()
  | "use-after-free-in-rust" -> rust_use_after_free ()
  | "freed-root" ->
      c_freed_root [ String.make (Sys.opaque_identity 3) 'x' ];
      Gc.full_major ()
  | "leak-in-c" -> c_leak ()
  | "leak-in-rust" -> rust_leak ()
  | other -> failwith ("no bug is called " ^ other)
