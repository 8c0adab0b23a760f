(* Test cases of Alcotest. *)

open Support

let case name f = Alcotest.test_case name `Quick f

(* [in_two_domains test inputs] tests each named input in the initial domain and in another. *)
let in_two_domains test =
  List.concat_map (fun ((name, _) as x) ->
      [
        case name (test x);
        case (name ^ ", another domain") (fun () -> elsewhere (test x));
      ])
