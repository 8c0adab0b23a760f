(* [let%lwt], and a library that was written for Lwt, in four domains at once. *)

let body () =
  Lwt_main.run
    (let%lwt sum = Ordinary.sum_later (List.init 100 Fun.id)
     and here = Ordinary.here () in
     assert (sum = 4950);
     assert (here = (Domain.self () :> int));
     Lwt.return_unit)

let () =
  let domains = List.init 3 (fun _ -> Domain.spawn body) in
  body ();
  List.iter Domain.join domains
