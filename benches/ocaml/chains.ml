open Lwt.Infix

let sink = ref 0

let keep v =
  sink := v;
  Lwt.return_unit

let rec chain f n = if n = 0 then Lwt.return_unit else f () >>= fun () -> chain f (n - 1)

let run ~in_flight f n =
  let share i = (n / in_flight) + if i < n mod in_flight then 1 else 0 in
  Lwt_main.run (Lwt.join (List.init in_flight (fun i -> chain f (share i))))
