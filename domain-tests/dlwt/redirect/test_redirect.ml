(* [let%lwt] and a library written for stock Lwt, in four domains at once. *)

let body () =
  Lwt_main.run
    (let%lwt sum = Ordinary.sum_later (List.init 100 Fun.id)
     and domain = Ordinary.current_domain () in
     assert (sum = 4950);
     assert (domain = (Domain.self () :> int));
     Lwt.return_unit)

let () =
  let domains = List.init 3 (fun _ -> Domain.spawn body) in
  body ();
  List.iter Domain.join domains
