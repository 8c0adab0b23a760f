(** Domains that send to each other, and terminate. *)

module Make (_ : Representation.S) : sig
  val suites : (string * unit Alcotest.test_case list) list
end
