let sum_later l =
  let%lwt () = Lwt_unix.sleep 0.001 in
  Lwt_list.fold_left_s
    (fun sum x ->
      let%lwt () = Lwt.pause () in
      Lwt.return (sum + x))
    0 l

let current_domain () =
  try%lwt
    let%lwt () = Lwt.fail Exit in
    Lwt.return (-1)
  with Exit -> Lwt.return (Domain.self () :> int)
