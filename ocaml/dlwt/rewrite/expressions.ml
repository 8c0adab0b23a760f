open Parsetree
open Bindings
open Scope

let applied_operator e =
  match e.pexp_desc with
  | Pexp_apply ({ pexp_desc = Pexp_ident { txt = Lident op; _ }; pexp_loc; _ }, args) ->
      Some (op, pexp_loc, List.map snd args)
  | _ -> None

let derefs t e =
  match applied_operator e with
  | Some ("!", _, [ { pexp_desc = Pexp_ident { txt; _ }; _ } ]) ->
      Spec.find t.spec.derefs (longident txt)
  | _ -> None

(* [!x], [x := e] and [incr x] of a cell. *)
let cell_operation t (it : Ast_iterator.iterator) e =
  match applied_operator e with
  | Some (op, op_loc, a :: args) -> (
      match (meaning t a, op, args) with
      | Some (Cell field), "!", [] ->
          use_record t e.pexp_loc field (fun r -> r ^ "." ^ field);
          true
      | Some (Cell field), ":=", [ v ] ->
          let target = { a.pexp_loc with loc_end = op_loc.loc_end } in
          if Spec.find t.spec.guarded field <> None then (
            around t v.pexp_loc "(" ")";
            use_record t target field (fun r -> Printf.sprintf "set_%s %s" field r))
          else use_record t target field (fun r -> Printf.sprintf "%s.%s <-" r field);
          it.expr it v;
          true
      | Some (Cell field), "incr", [] ->
          use_record t e.pexp_loc field (fun r ->
              Printf.sprintf "%s.%s <- succ %s.%s" r field r field);
          true
      | _ -> false)
  | _ -> false

let field_via t (it : Ast_iterator.iterator) record field =
  (match Spec.find t.spec.fields (longident field) with
  | Some via -> around t record.pexp_loc ("(" ^ via ^ " ") ")"
  | None -> ());
  it.expr it record

let default = Ast_iterator.default_iterator

let body ?(given = false) t (it : Ast_iterator.iterator) e =
  Frame.body t.frame ~given (span e.pexp_loc) (fun () -> it.expr it e)

let function_ ?given t (it : Ast_iterator.iterator) params function_body =
  deeper t (fun () ->
      hiding t Names.empty (fun () ->
          List.iter
            (fun p ->
              match p.pparam_desc with
              | Pparam_val (_, default, pattern) ->
                  Option.iter (it.expr it) default;
                  hide t (pattern_names pattern)
              | Pparam_newtype _ -> ())
            params;
          match function_body with
          | Pfunction_body e -> body ?given t it e
          | Pfunction_cases (cases, loc, _) ->
              Frame.body t.frame ~given:false (span loc) (fun () ->
                  List.iter (it.case it) cases)))

(* let F x = e  ==>  let F dlwt_state x = e *)
let given_function t (it : Ast_iterator.iterator) name b =
  match b.pvb_expr.pexp_desc with
  | Pexp_function (params, _, (Pfunction_body _ as e)) ->
      around t b.pvb_pat.ppat_loc "" (" " ^ Frame.name);
      function_ ~given:true t it params e
  | _ -> problem t b.pvb_loc "%s is not a function of the form let %s x = ..." name name

let let_ t (it : Ast_iterator.iterator) rec_flag bindings e =
  let names = value_names bindings in
  let right_sides () = List.iter (fun b -> it.expr it b.pvb_expr) bindings in
  (match (rec_flag : Asttypes.rec_flag) with
  | Recursive -> hiding t names right_sides
  | Nonrecursive -> right_sides ());
  hiding t names (fun () -> it.expr it e)

let expression t (it : Ast_iterator.iterator) e =
  Frame.expression t.frame (span e.pexp_loc);
  match derefs t e with
  | Some { Spec.text; _ } -> ignore (Edits.replace t.edits (span e.pexp_loc) text)
  | None -> (
      if not (cell_operation t it e) then
        match (e.pexp_desc, meaning t e) with
        | _, Some (Slot field) -> use_record t e.pexp_loc field (fun r -> r ^ "." ^ field)
        | _, Some (Given f) ->
            use_record t e.pexp_loc f (fun r -> Printf.sprintf "(%s %s)" f r)
        | _, Some (Cell field) ->
            problem t e.pexp_loc
              "the cell %s is used in another way than !x, x := e or incr x: make it a \
               `local' or `eager' value instead"
              field
        | _, Some (Key name) -> read_key t e.pexp_loc name (getter t name)
        | _, Some (Qualified name) -> read_key t e.pexp_loc name (runtime ^ ".get")
        | Pexp_let (rec_flag, bindings, e), _ -> let_ t it rec_flag bindings e
        | Pexp_function (params, _, function_body), _ ->
            function_ t it params function_body
        | Pexp_for (p, first, last, _, e), _ ->
            it.expr it first;
            it.expr it last;
            hiding t (pattern_names p) (fun () -> it.expr it e)
        | Pexp_lazy e, _ -> deeper t (fun () -> body t it e)
        | Pexp_field (record, field), _ -> field_via t it record field.txt
        | Pexp_setfield (record, field, v), _ ->
            field_via t it record field.txt;
            it.expr it v
        | _ -> default.expr it e)

let case t (it : Ast_iterator.iterator) c =
  hiding t (pattern_names c.pc_lhs) (fun () ->
      Option.iter (it.expr it) c.pc_guard;
      Frame.branch t.frame (span c.pc_rhs.pexp_loc) (fun () -> it.expr it c.pc_rhs))
