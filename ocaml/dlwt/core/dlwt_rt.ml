type 'a key = 'a Dlwt_slot.t
type 'a eager_key = 'a Dlwt_slot.eager

let key init = Dlwt_slot.make init
let inherited init = Dlwt_slot.make ~inherit_from_parent:(fun r -> ref !r) init

let before_first_spawn what =
  (* The callback cannot be unregistered, so it does nothing. *)
  try Domain.before_first_spawn ignore
  with Invalid_argument _ ->
    failwith
      (Printf.sprintf
         "%s: called after the first Domain.spawn. Domains that already run cannot get \
          new state: load every library that uses Lwt before spawning, also those that \
          Dynlink loads."
         what)

(* [Domain.spawn] sets the keys in the order in which they were made, or in the
   opposite order: all are set when the oldest and the newest are. *)
let newest_is_set = ref (fun () -> true)

let eager_key init =
  before_first_spawn "Dlwt_rt.eager_key";
  let key = Dlwt_slot.make_eager init in
  (newest_is_set := fun () -> Dlwt_slot.is_set_eager key);
  key

let[@inline always] get key = Dlwt_slot.get key
let[@inline always] get_eager key = Dlwt_slot.get_eager key
let is_set key = Dlwt_slot.is_set key
let is_main () = Domain.is_main_domain ()
let domain () = (Domain.self () :> int)

(* ------------------------------------------------------------------ exit *)

(* The latest first. *)
type exit_actions = { mutable pending : (int * (unit -> unit)) list }

let exit_actions = eager_key (fun () -> { pending = [] })

(* A daemon may have closed its stderr, which must not keep other actions from running. *)
let report what exn =
  try
    Printf.eprintf "dlwt: domain %d: %s raised %s\n%!" (domain ()) what
      (Printexc.to_string exn)
  with _ -> ()

let report_action priority exn =
  report (Printf.sprintf "the exit action of priority %d" priority) exn

let run_exit_action priority f = try f () with exn -> report_action priority exn

(* An action may register others, so the list is read again after each. Nothing can interrupt what
   happens between an action's removal and its call: [run_exit_action] takes two arguments, since OCaml
   polls where a function that takes a pair in its head is called. *)
let run_next_exit_action ~up_to =
  let actions = get_eager exit_actions in
  match List.filter (fun (priority, _) -> priority <= up_to) actions.pending with
  | [] -> false
  | latest :: older ->
      let ((priority, action) as first) =
        List.fold_left (fun best x -> if fst x <= fst best then x else best) latest older
      in
      actions.pending <- List.filter (fun x -> x != first) actions.pending;
      run_exit_action priority action;
      true

(* Goes on after each exception of a signal handler or finaliser. There is no tail call, before which
   OCaml would poll outside of the handler. *)
let rec run_all attempts ~up_to =
  try
    while run_next_exit_action ~up_to do
      ()
    done
  with exn ->
    report "a signal handler or finaliser between exit actions" exn;
    if attempts > 1 then Sys.opaque_identity (run_all (attempts - 1) ~up_to)

let run_exit_actions ~up_to = run_all 10_000 ~up_to

(* It allocates nothing outside of [step]: an exception there would end it. *)
let rec insist_again attempts step x =
  match step x with
  | () -> ()
  | exception exn ->
      if attempts > 1 then insist_again (attempts - 1) step x;
      raise exn

let insist ?(attempts = 100) step x = Sys.opaque_identity (insist_again attempts step x)
let hooks_priority = 10

(* ---------------------------------------------------------------- owners *)

type owner = {
  mutable id : int;
  (* Read by the domain itself only. *)
  mutable registered : bool;
  terminated : bool Atomic.t;
}

let new_owner () = { id = -1; registered = false; terminated = Atomic.make false }

(* The record is made in the parent, which does not know the child's number. *)
let owner_key = eager_key new_owner

(* The owners that have a number and have not terminated. *)
let running : owner list Atomic.t = Atomic.make []

let rec update_running f =
  let owners = Atomic.get running in
  if not (Atomic.compare_and_set running owners (f owners)) then update_running f

let rec terminate owner =
  match
    run_exit_actions ~up_to:max_int;
    Atomic.set owner.terminated true;
    update_running (List.filter (fun o -> o != owner))
  with
  | () -> ()
  | exception exn ->
      terminate owner;
      raise exn

(* If an exception arrives, the next call tries again. The number is written before others can read it. *)
let[@inline never] register owner =
  if owner.id < 0 then owner.id <- domain ();
  if not (is_main ()) then Domain.at_exit (fun () -> terminate owner);
  update_running (List.cons owner);
  owner.registered <- true;
  owner

let[@inline always] self () =
  let owner = get_eager owner_key in
  if owner.registered then owner else register owner

let exit_actions_skipped = ref false
let skip_exit_actions () = exit_actions_skipped := true

(* [exit] runs the functions of [Stdlib.at_exit] in whatever domain calls it, but the
   initial domain's actions must run in that domain. *)
let () =
  Stdlib.at_exit (fun () ->
      if is_main () && not !exit_actions_skipped then terminate (self ()))

let at_domain_exit ~priority f =
  let actions = get_eager exit_actions in
  actions.pending <- (priority, f) :: actions.pending;
  (* Registers the function that runs them. *)
  ignore (self () : owner)

(* Checks the oldest key and the newest. *)
let is_ready () = Dlwt_slot.is_set_eager exit_actions && !newest_is_set ()
let[@inline always] here () = get_eager owner_key
let[@inline always] is_self owner = owner == get_eager owner_key
let has_terminated owner = Atomic.get owner.terminated
let owner_domain owner = owner.id

let owner_of_domain id =
  match List.find_opt (fun owner -> owner.id = id) (Atomic.get running) with
  | Some owner -> owner
  | None -> { id; registered = false; terminated = Atomic.make true }

let owner_name owner =
  Printf.sprintf "domain %d%s" owner.id
    (if has_terminated owner then " (which has terminated)" else "")

let foreign_error owner what =
  Invalid_argument
    (Printf.sprintf
       "%s belongs to %s and was used in domain %d. Use it in its own domain only, and \
        send that domain a message from elsewhere."
       what (owner_name owner) (domain ()))

let[@inline never] raise_foreign owner what = raise (foreign_error owner what)

let[@inline always] check owner what =
  if not (is_self owner) then raise_foreign owner what

(* ---------------------------------------------------------------- claims *)

type claim = owner Atomic.t

let no_owner = new_owner ()
let unclaimed () = Atomic.make no_owner
let[@inline always] claimant claim = Atomic.get claim

let rec claim t ~idle what =
  let owner = Atomic.get t in
  if owner == no_owner || (has_terminated owner && idle ()) then (
    let claimed = Atomic.compare_and_set t owner (self ()) in
    (* Otherwise another domain was first. *)
    if not claimed then claim t ~idle what)
  else if not (is_self owner) then
    invalid_arg
      (Printf.sprintf
         "%s belongs to %s, which was the first to use it, and was used in domain %d. \
          Make one for each domain, or send a message to the owner."
         what (owner_name owner) (domain ()))

(* ----------------------------------------------------------------- start *)

(* Written by the initial domain only. Atomic because others may read it meanwhile. *)
let initialisers : (unit -> unit) list Atomic.t = Atomic.make []

(* The ones that the calling domain has not run yet. The initial domain has run all. *)
let to_run =
  key (fun () -> ref (if is_main () then [] else List.rev (Atomic.get initialisers)))

let each_domain f =
  if not (is_main ()) then
    failwith
      (Printf.sprintf
         "Dlwt_rt.each_domain: called in domain %d. Call it in the initial domain, while \
          modules are initialised."
         (domain ()));
  f ();
  Atomic.set initialisers (f :: Atomic.get initialisers)

let start () =
  let to_run = get to_run in
  let rec go () =
    match !to_run with
    | [] -> ()
    | f :: others ->
        (* First, because [f] may call [start] itself. *)
        to_run := others;
        (try f ()
         with exn ->
           (* The next call retries it, perhaps with more descriptors left. *)
           to_run := f :: !to_run;
           raise exn);
        go ()
  in
  go ()
