let ping_pong n =
  let mutex = Mutex.create () and turn = Condition.create () and mine = ref true in
  let play me =
    for _ = 1 to n do
      Mutex.protect mutex (fun () ->
          while !mine <> me do
            Condition.wait turn mutex
          done;
          mine := not me;
          Condition.signal turn)
    done
  in
  let other = Domain.spawn (fun () -> play false) in
  play true;
  Domain.join other

(* A sample starts a domain, whose cost has to be small beside that of the operations. *)
let condvar_ping_pong =
  Bench.operation "condvar_ping_pong" ~at_least:1_000 (fun () -> ping_pong)

let mebibyte = Bytes.make 0x100000 'x'

let memcpy =
  Bench.operation "memcpy" (fun () ->
      let target = Bytes.copy mebibyte in
      fun n ->
        for _ = 1 to n do
          Bytes.blit mebibyte 0 target 0 (Bytes.length target)
        done)

let domain_spawn_join =
  Bench.operation "domain_spawn_join" (fun () n ->
      for _ = 1 to n do
        Domain.join (Domain.spawn ignore)
      done)
