(* Helpers of the tests of pools. *)

module Pool = Lwt_interop.Pool

let self () = (Domain.self () :> int)

let with_pool ?(domains = 2) f =
  let pool = Pool.create ~domains () in
  Lwt.finalize (fun () -> f pool) (fun () -> Pool.shutdown pool)

let invalid what f =
  match Expect.raised what f with Invalid_argument _ -> () | e -> raise e
