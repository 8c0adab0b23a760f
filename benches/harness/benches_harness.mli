(** A harness for programs of benchmarks.

    {[
      let nothing =
        Bench.operation "nothing" (fun () n ->
            for _ = 1 to n do
              ignore (Sys.opaque_identity ())
            done)

      let () = Benches_harness.main [ nothing ]
    ]} *)

module Bench = Bench
module Native = Native

val main : Bench.t list -> unit
(** [main benches] parses the command line and runs those of [benches] that it names. See
    [--help]. *)
