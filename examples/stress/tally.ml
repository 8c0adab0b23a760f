type outcome = (int, exn) result

let kinds = [ "value"; "error"; "panic"; "cancelled"; "terminated" ]

let column = function
  | Ok _ -> 0
  | Error (Lwt_interop.Rust_panic _) -> 2
  | Error Lwt.Canceled -> 3
  | Error (Lwt_interop.Domain_terminated _) -> 4
  | Error _ -> 1

let counts = Array.init 16 (fun _ -> List.map (fun _ -> Atomic.make 0) kinds)
let pending_ = Atomic.make 0
let started () = Atomic.incr pending_

let resolved ~row outcome =
  Atomic.incr (List.nth counts.(row) (column outcome));
  Atomic.decr pending_

let pending () = Atomic.get pending_
let row i = List.map Atomic.get counts.(i)

(* Texts are kept for the first failures only: there may be a million. *)
let most_kept = 20
let failures_ = Atomic.make 0
let kept = Array.init most_kept (fun _ -> Atomic.make None)

let fail format =
  let add text =
    let i = Atomic.fetch_and_add failures_ 1 in
    if i < most_kept then Atomic.set kept.(i) (Some text)
  in
  Printf.ksprintf add format

let failures () = Atomic.get failures_

let take_failures () =
  List.filter_map (fun text -> Atomic.exchange text None) (Array.to_list kept)
