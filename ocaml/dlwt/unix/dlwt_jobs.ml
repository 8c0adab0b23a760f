type 'a t

external start_in_pool : 'a t -> bool = "dlwt_jobs_start"
external run_here : 'a t -> unit = "dlwt_jobs_run_here"
external check : 'a t -> Dlwt_mailbox.id -> bool = "dlwt_jobs_check"
external is_done_or_abandon : 'a t -> bool = "dlwt_jobs_abandon"
external take_abandoned : 'a t -> bool = "dlwt_jobs_take_abandoned"
external abandoned_done : unit -> int = "dlwt_jobs_abandoned_done" [@@noalloc]
external after_fork : unit -> unit = "dlwt_jobs_after_fork"

type abandoned = Abandoned : { job : 'a t; discard : unit -> unit } -> abandoned

(* A job is either on this list or held by the domain that has taken it off. *)
let abandoned : abandoned list Atomic.t = Atomic.make []

(* No tail call, before which OCaml would poll outside of the handler. *)
let rec add_abandoned jobs =
  match
    let others = Atomic.get abandoned in
    Atomic.compare_and_set abandoned others (List.rev_append jobs others)
  with
  | true -> ()
  | false -> Sys.opaque_identity (add_abandoned jobs)
  | exception exn ->
      add_abandoned jobs;
      raise exn

let discard_quietly discard = try discard () with _ -> ()

(* A signal handler may raise at any point here: jobs that are not done stay on the list. Nothing allocates between
   the moment when a job is taken off one list and that in which it is on another. *)
let discard_abandoned () =
  if abandoned_done () > 0 then
    let jobs = ref [] and kept = ref [] in
    let put_back () =
      match add_abandoned !kept with
      | () -> add_abandoned !jobs
      | exception exn ->
          add_abandoned !jobs;
          raise exn
    in
    let rec discard_all () =
      match !jobs with
      | [] -> ()
      | (Abandoned { job; discard } as first) :: others ->
          let with_first = first :: !kept in
          jobs := others;
          if take_abandoned job then discard_quietly discard else kept := with_first;
          discard_all ()
    in
    match
      jobs := Atomic.exchange abandoned [];
      discard_all ()
    with
    | () -> put_back ()
    | exception exn ->
        put_back ();
        raise exn

let start job ~here =
  discard_abandoned ();
  let in_pool = (not here) && Dlwt_mailbox.can_open () && start_in_pool job in
  if not in_pool then run_here job;
  not in_pool

(* A job that is not checked would never notify its domain. *)
let rec check_job job id =
  try Dlwt_mailbox.is_open () && check job id
  with exn ->
    ignore (check_job job id : bool);
    raise exn

let check = check_job

let abandon job ~discard =
  let this = [ Abandoned { job; discard } ] in
  if is_done_or_abandon job then discard_quietly discard else add_abandoned this
