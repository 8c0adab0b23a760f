type 'a t

external start_in_pool : 'a t -> bool = "dlwt_jobs_start"
external run_here : 'a t -> unit = "dlwt_jobs_run_here"
external check : 'a t -> Dlwt_mailbox.id -> bool = "dlwt_jobs_check"
external leave_behind : 'a t -> bool = "dlwt_jobs_leave"
external take_left : 'a t -> bool = "dlwt_jobs_take_left"
external left_done : unit -> int = "dlwt_jobs_left_done" [@@noalloc]

type left = Left : { job : 'a t; discard : unit -> unit } -> left

(* A job is in here, or somebody who has taken it out has it: never two. *)
let left : left list Atomic.t = Atomic.make []

let rec put_back jobs =
  let others = Atomic.get left in
  if not (Atomic.compare_and_set left others (List.rev_append jobs others)) then
    put_back jobs

let contain discard = try discard () with _ -> ()

(* A signal handler may raise anywhere here: what is not done stays on the list. *)
let discard_left () =
  if left_done () > 0 then
    let jobs = ref (Atomic.exchange left []) and kept = ref [] in
    Fun.protect ~finally:(fun () -> put_back (List.rev_append !kept !jobs)) @@ fun () ->
    let rec go () =
      match !jobs with
      | [] -> ()
      | (Left { job; discard } as first) :: others ->
          jobs := others;
          if take_left job then contain discard else kept := first :: !kept;
          go ()
    in
    go ()

let start job ~here =
  discard_left ();
  let in_pool = (not here) && Dlwt_mailbox.can_open () && start_in_pool job in
  if not in_pool then run_here job;
  not in_pool

let check job id = Dlwt_mailbox.is_open () && check job id

let leave job ~discard =
  if leave_behind job then contain discard else put_back [ Left { job; discard } ]
