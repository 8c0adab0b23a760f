let frequent =
  List.concat
    [
      Call_operations.all;
      Promise_operations.all;
      Domain_operations.all;
      Value_operations.all;
      Lwt_operations.all;
    ]

let rare = [ (Domain_operations.pool, 3); (Lwt_operations.detach, 1) ]

(* An operation that takes long is rare. *)
let choose choice =
  Choice.weighted choice (if Choice.chance choice 150 then rare else frequent)
