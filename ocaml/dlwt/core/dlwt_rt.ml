type 'a key = 'a Dlwt_slot.t
type 'a eager_key = 'a Dlwt_slot.eager

let key init = Dlwt_slot.make init
let inherited init = Dlwt_slot.make ~inherit_from_parent:(fun r -> ref !r) init

let before_first_spawn what =
  (* The callback cannot be taken back: it does nothing. *)
  try Domain.before_first_spawn ignore
  with Invalid_argument _ ->
    failwith
      (Printf.sprintf
         "%s: called after the first Domain.spawn. Domains that already run cannot be \
          given new state: load every library that uses Lwt, also one loaded by Dynlink, \
          before spawning."
         what)

(* [Domain.spawn] sets the keys in the order in which they were made or in the
   opposite one: all are set when the oldest and the newest are. *)
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

(* Latest first. *)
type exit_actions = { mutable pending : (int * (unit -> unit)) list }

let exit_actions = eager_key (fun () -> { pending = [] })

(* A daemon may have closed its stderr; that keeps no action from running. *)
let report priority exn =
  try
    Printf.eprintf "dlwt: domain %d: the exit action of priority %d raised %s\n%!"
      (domain ()) priority (Printexc.to_string exn)
  with Sys_error _ -> ()

(* An action may register others: look again after each. *)
let rec run_exit_actions ~up_to =
  let actions = get_eager exit_actions in
  match List.filter (fun (priority, _) -> priority <= up_to) actions.pending with
  | [] -> ()
  | latest :: older ->
      let ((priority, f) as first) =
        List.fold_left (fun best x -> if fst x <= fst best then x else best) latest older
      in
      actions.pending <- List.filter (fun x -> x != first) actions.pending;
      (try f () with exn -> report priority exn);
      run_exit_actions ~up_to

let hooks_priority = 10

(* ---------------------------------------------------------------- owners *)

type owner = { mutable id : int; ended : bool Atomic.t }

let new_owner () = { id = -1; ended = Atomic.make false }

(* The parent makes the record, so the child fills in its number later. *)
let owner_key = eager_key new_owner

(* Those that have a number and have not ended. *)
let living : owner list Atomic.t = Atomic.make []

let rec change_living f =
  let owners = Atomic.get living in
  if not (Atomic.compare_and_set living owners (f owners)) then change_living f

let end_of_domain owner =
  run_exit_actions ~up_to:max_int;
  Atomic.set owner.ended true;
  change_living (List.filter (fun o -> o != owner))

let[@inline never] name owner =
  owner.id <- domain ();
  change_living (List.cons owner);
  if not (is_main ()) then Domain.at_exit (fun () -> end_of_domain owner);
  owner

let[@inline always] self () =
  let owner = get_eager owner_key in
  if owner.id >= 0 then owner else name owner

(* Whoever calls [exit] runs the functions of [Stdlib.at_exit]; the initial
   domain's actions are for that domain alone. *)
let left_running = ref false
let leave_running () = left_running := true

let () =
  Stdlib.at_exit (fun () ->
      if is_main () && not !left_running then end_of_domain (self ()))

let at_domain_exit ~priority f =
  let actions = get_eager exit_actions in
  actions.pending <- (priority, f) :: actions.pending;
  (* so that they run *)
  ignore (self ())

(* The oldest key and the newest. *)
let is_ready () = Dlwt_slot.is_set_eager exit_actions && !newest_is_set ()
let[@inline always] here () = get_eager owner_key
let[@inline always] is_self owner = owner == get_eager owner_key
let has_ended owner = Atomic.get owner.ended
let owner_domain owner = owner.id

let owner_of_domain id =
  match List.find_opt (fun owner -> owner.id = id) (Atomic.get living) with
  | Some owner -> owner
  | None -> { id; ended = Atomic.make true }

let owner_name owner =
  Printf.sprintf "domain %d%s" owner.id
    (if has_ended owner then " (which has ended)" else "")

let foreign owner what =
  Invalid_argument
    (Printf.sprintf
       "%s belongs to %s and was used in domain %d. What is pending stays in the domain \
        that made it: use it there, and send a message to the other domain."
       what (owner_name owner) (domain ()))

let[@inline never] refuse owner what = raise (foreign owner what)
let[@inline always] check owner what = if not (is_self owner) then refuse owner what

(* ---------------------------------------------------------------- claims *)

type claim = owner Atomic.t

let nobody = new_owner ()
let unclaimed () = Atomic.make nobody
let[@inline always] claimant claim = Atomic.get claim

let rec claim t ~idle what =
  let owner = Atomic.get t in
  if owner == nobody || (has_ended owner && idle ()) then (
    let claimed = Atomic.compare_and_set t owner (self ()) in
    (* another domain was first *)
    if not claimed then claim t ~idle what)
  else if not (is_self owner) then
    invalid_arg
      (Printf.sprintf
         "%s belongs to %s, which was the first to use it, and was used in domain %d. \
          Make one for each domain, or send a message to the domain that uses it."
         what (owner_name owner) (domain ()))

(* ----------------------------------------------------------------- start *)

(* Written by the initial domain before any other exists, or by it alone while
   others read: atomic. *)
let starters : (unit -> unit) list Atomic.t = Atomic.make []

(* What the calling domain has not run yet; the initial domain has run all. *)
let to_run =
  key (fun () -> ref (if is_main () then [] else List.rev (Atomic.get starters)))

let each_domain f =
  if not (is_main ()) then
    failwith
      (Printf.sprintf
         "Dlwt_rt.each_domain: called in domain %d; call it in the initial domain"
         (domain ()));
  f ();
  Atomic.set starters (f :: Atomic.get starters)

let start () =
  let to_run = get to_run in
  let rec go () =
    match !to_run with
    | [] -> ()
    | f :: others ->
        (* it may call [start] itself *)
        to_run := others;
        (try f ()
         with exn ->
           (* for want of descriptors perhaps: the next call tries again *)
           to_run := f :: !to_run;
           raise exn);
        go ()
  in
  go ()
