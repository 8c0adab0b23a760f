open Lwt.Infix

let rec repeat n f =
  if n = 0 then Lwt.return_unit else f () >>= fun () -> repeat (n - 1) f

let in_loop f n = Lwt_main.run (repeat n f)

(* A job runs on a thread of the pool, which then notifies the loop. Eight are in flight: the
   time of a single one depends mostly on the core on which the kernel wakes each thread. *)
let jobs n =
  let job () = Lwt_unix.stat "/" >|= fun (_ : Unix.stats) -> () in
  let share i = (n + i) / 8 in
  Lwt_main.run (Lwt.join (List.init 8 (fun i -> repeat (share i) job)))

(* The other end answers each line with a line. *)
let io_pipe n =
  let channels (from_fd, to_fd) =
    (Lwt_io.of_fd ~mode:Lwt_io.input from_fd, Lwt_io.of_fd ~mode:Lwt_io.output to_fd)
  in
  let there_out, there_in = channels (Lwt_unix.pipe ()) in
  let back_out, back_in = channels (Lwt_unix.pipe ()) in
  let send channel line =
    Lwt_io.write_line channel line >>= fun () -> Lwt_io.flush channel
  in
  let answer () = Lwt_io.read_line there_out >>= send back_in in
  let ask () =
    send there_in "A line of text of a typical length." >>= fun () ->
    Lwt_io.read_line back_out >|= fun (_ : string) -> ()
  in
  let close () =
    Lwt.join (List.map Lwt_io.close [ there_in; back_in ]) >>= fun () ->
    Lwt.join (List.map Lwt_io.close [ there_out; back_out ])
  in
  Lwt_main.run (Lwt.join [ repeat n answer; repeat n ask ] >>= close)

(* The buffer is flushed without a system call. *)
let io_write_char n =
  let channel = Lwt_io.make ~mode:Lwt_io.output (fun _ _ length -> Lwt.return length) in
  in_loop (fun () -> Lwt_io.write_char channel 'x') n;
  Lwt_main.run (Lwt_io.close channel)

let all =
  let bench name iterations run = { Measure.name; iterations; run } in
  [
    bench "pause_loop" 300_000 (in_loop Lwt.pause);
    bench "jobs" 10_000 jobs;
    bench "io_pipe" 10_000 io_pipe;
    bench "io_write_char" 5_000_000 io_write_char;
  ]
