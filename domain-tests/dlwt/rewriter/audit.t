The rewriter takes a directory with a specification, and one source file.

  $ rewrite() {
  >   ../../../ocaml/dlwt/rewrite/main.exe file --spec spec \
  >     --version "${VERSION:-5.9.1}" "$1" > out
  >   status=$?
  >   grep -v '^#\|^\[@@@' out
  >   return $status
  > }
  $ mkdir spec
  $ echo "5.9" > spec/versions

A source without state needs no specification.

  $ cat > pure.ml <<EOF
  > let twice x = 2 * x
  > let () = print_endline "hello"
  > module M = struct let f = twice end
  > EOF
  $ rewrite pure.ml
  let twice x = 2 * x
  let () = print_endline "hello"
  module M = struct let f = twice end

Unclassified state is an error with file, line and name: references, tables, tuples,
functions with hidden state and functor applications, in submodules as well.

  $ cat > state.ml <<EOF
  > let count = ref 0
  > let table : (int, int) Hashtbl.t =
  >   Hashtbl.create 16
  > let a, b = ref 1, ref 2
  > let next = let n = ref 0 in fun () -> incr n; !n
  > module M = struct
  >   let inner = Array.make 1 0
  > end
  > module Table = Weak.Make (String)
  > EOF
  $ rewrite state.ml 2>&1 | sed 's/ can hold.*/ .../'
  File "state.ml", line 1:
  Error: dlwt: the value `count' of this module ...
  File "state.ml", line 2:
  Error: dlwt: the value `table' of this module ...
  File "state.ml", line 4:
  Error: dlwt: the value `a' of this module ...
  File "state.ml", line 4:
  Error: dlwt: the value `b' of this module ...
  File "state.ml", line 5:
  Error: dlwt: the value `next' of this module ...
  File "state.ml", line 7:
  Error: dlwt: the value `inner' of this module ...
  File "state.ml", line 9:
  Error: dlwt: the value `Table' of this module ...

The message contains the remedy.

  $ echo 'let count = ref 0' > one.ml
  $ rewrite one.ml
  File "one.ml", line 1:
  Error: dlwt: the value `count' of this module can hold state, and the specification does not classify it. Add `local count', `eager count' or `inherited count' if each domain needs its own value, or `shared count' if you have checked that all domains can share one
  [1]

The line is that of the file, not that of its line directives.

  $ printf 'let f x = x\n# 500 "other.ml"\nlet count = ref 0\n' > directive.ml
  $ rewrite directive.ml 2>&1 | head -1
  File "directive.ml", line 3:

Classified state becomes a key, or is left as it is.

  $ cat > counter.ml <<EOF
  > let count = ref 0
  > let limit = ref 10
  > let names = Hashtbl.create 16
  > let next () =
  >   if !count < !limit then incr count;
  >   Hashtbl.length names
  > let shadow count = !count
  > EOF
  $ cat > spec/counter.spec <<EOF
  > file counter.ml
  > eager count
  > inherited limit
  > shared names
  > EOF
  $ rewrite counter.ml
  let count = Dlwt_rt.eager_key (fun () -> (ref 0))
  let limit = Dlwt_rt.inherited (fun () -> (ref 10))
  let names = Hashtbl.create 16
  let next () =
    if !(Dlwt_rt.get_eager count) < !(Dlwt_rt.get limit) then incr (Dlwt_rt.get_eager count);
    Hashtbl.length names
  let shadow count = !count

The state of a module in one record, which each function reads once.

  $ cat > record.ml <<EOF
  > let depth = ref 0
  > let waiting = Queue.create ()
  > let enter x =
  >   incr depth;
  >   Queue.add x waiting
  > let leave () = depth := !depth - 1
  > let is_empty () = Queue.is_empty waiting
  > EOF
  $ cat > spec/record.spec <<EOF
  > file record.ml
  > record «state ()»
  > cell depth depth
  > slot waiting queue
  > EOF
  $ rewrite record.ml
  
  
  
  
  let enter x =
    (let dlwt_state = state () in dlwt_state.depth <- succ dlwt_state.depth;
    Queue.add x dlwt_state.queue)
  let leave () = (let dlwt_state = state () in dlwt_state.depth <- dlwt_state.depth - 1)
  let is_empty () = Queue.is_empty (state ()).queue

Given functions do not read the record: their callers pass it.

  $ cat > given.ml <<EOF
  > let depth = ref 0
  > let waiting = Queue.create ()
  > let leave ~by = depth := !depth - by
  > let wait x = if !depth > 0 then Queue.add x waiting
  > let rec unwind = function
  >   | [] -> leave ~by:1
  >   | x :: l -> wait x; leave ~by:1; unwind l
  > let later x = wait x; fun () -> wait x
  > EOF
  $ cat > spec/given.spec <<EOF
  > file given.ml
  > record «state ()»
  > cell depth depth
  > slot waiting queue
  > given leave wait
  > EOF
  $ rewrite given.ml
  
  
  
  
  let leave dlwt_state ~by = dlwt_state.depth <- dlwt_state.depth - by
  let wait dlwt_state x = if dlwt_state.depth > 0 then Queue.add x dlwt_state.queue
  let rec unwind = function
    | [] -> (leave (state ())) ~by:1
    | x :: l -> (let dlwt_state = state () in (wait dlwt_state) x; (leave dlwt_state) ~by:1; unwind l)
  let later x = (wait (state ())) x; fun () -> (wait (state ())) x
  $ printf 'let depth = ref 0\nlet f = function () -> !depth\n' > cases.ml
  $ printf 'file cases.ml\nrecord «state»\ncell depth depth\ngiven f\n' > spec/cases.spec
  $ rewrite cases.ml
  File "cases.ml", line 2:
  Error: dlwt: f is not a function of the form let f x = ...
  [1]

Reading per-domain state while the module is initialised is an error: every domain would
get the initial domain's.

  $ cat > early.ml <<EOF
  > let count = ref 0
  > let start = !count + 1
  > EOF
  $ printf 'file early.ml\nlocal count\nshared start\n' > spec/early.spec
  $ rewrite early.ml
  File "early.ml", line 2:
  Error: dlwt: count is read while the module is being initialised: every domain would get the initial domain's value
  [1]

A cell that is passed on as a reference is an error.

  $ printf 'let depth = ref 0\nlet f () = Fun.id depth\n' > leak.ml
  $ printf 'file leak.ml\nrecord «state»\ncell depth depth\n' > spec/leak.spec
  $ rewrite leak.ml
  File "leak.ml", line 2:
  Error: dlwt: the cell depth is used in another way than !x, x := e or incr x: make it a `local' or `eager' value instead
  [1]

A rule that applies nowhere is an error.

  $ echo 'let f x = x' > empty.ml
  $ cat > spec/empty.spec <<EOF
  > file empty.ml
  > local gone
  > shared also_gone
  > guarded no_field
  > created gone «ignore v»
  > replace g «let g = 1»
  > remove h
  > before i «»
  > within f «no such text» «other»
  > primitive old_primitive new_primitive
  > deref M.hook «()»
  > field name via
  > rebind p via f
  > qualified M.x
  > EOF
  $ rewrite empty.ml
  File "spec/empty.spec", line 2:
  Error: dlwt: `local gone' finds nothing to apply to in empty.ml
  File "spec/empty.spec", line 3:
  Error: dlwt: `shared also_gone' finds nothing to apply to in empty.ml
  File "spec/empty.spec", line 4:
  Error: dlwt: `guarded no_field' finds nothing to apply to in empty.ml
  File "spec/empty.spec", line 5:
  Error: dlwt: `created gone' finds nothing to apply to in empty.ml
  File "spec/empty.spec", line 6:
  Error: dlwt: `replace g' finds nothing to apply to in empty.ml
  File "spec/empty.spec", line 7:
  Error: dlwt: `remove h' finds nothing to apply to in empty.ml
  File "spec/empty.spec", line 8:
  Error: dlwt: `before i' finds nothing to apply to in empty.ml
  File "spec/empty.spec", line 9:
  Error: dlwt: `within f' finds nothing to apply to in empty.ml
  File "spec/empty.spec", line 10:
  Error: dlwt: `primitive old_primitive' finds nothing to apply to in empty.ml
  File "spec/empty.spec", line 11:
  Error: dlwt: `deref M.hook' finds nothing to apply to in empty.ml
  File "spec/empty.spec", line 12:
  Error: dlwt: `field name' finds nothing to apply to in empty.ml
  File "spec/empty.spec", line 13:
  Error: dlwt: `rebind f' finds nothing to apply to in empty.ml
  File "spec/empty.spec", line 14:
  Error: dlwt: `qualified M.x' finds nothing to apply to in empty.ml
  [1]

Replaced code, and a text that occurs twice.

  $ printf 'let a = 1\nlet b () =\n  print_int 1;\n  a\nlet c () = print_int 1; print_int 1\nexternal d : int -> int = "old"\n' > code.ml
  $ cat > spec/code.spec <<EOF
  > file code.ml
  > replace a «let a = 2»
  > within b «print_int 1» «print_int 2»
  > after b «let after_b = 3»
  > primitive old new
  > EOF
  $ rewrite code.ml
  
  let a = 2
  
  let b () =
    print_int 2;
    a
  let after_b = 3
  
  let c () = print_int 1; print_int 1
  external d : int -> int = "new"
  $ echo 'within c «print_int 1» «()»' >> spec/code.spec
  $ rewrite code.ml
  File "spec/code.spec", line 6:
  Error: dlwt: `within c': the text "print_int 1" occurs 2 times in code.ml
  [1]

Rules for other versions are ignored.

  $ echo 'let x = ref 0' > versions.ml
  $ printf 'file versions.ml\nversion 6\nlocal x\nversion 5.9\nshared x\n' > spec/versions.spec
  $ rewrite versions.ml
  let x = ref 0
  $ VERSION=6.1.2 rewrite versions.ml
  let x = Dlwt_rt.key (fun () -> (ref 0))

Errors in the specification itself.

  $ mkdir bad
  $ bad() { printf "$1" > bad/bad.spec; ../../../ocaml/dlwt/rewrite/main.exe file --spec bad --version 5.9.1 pure.ml; }
  $ bad 'file pure.ml\nlocale x\n'
  File "bad/bad.spec", line 2:
  Error: dlwt: unknown directive "locale": spec.mli lists them
  [1]
  $ bad 'local x\n'
  File "bad/bad.spec", line 1:
  Error: dlwt: local: `file F' must come first, with the file of Lwt that this applies to
  [1]
  $ bad 'file pure.ml\nreplace twice\n\nremove x\n'
  File "bad/bad.spec", line 2:
  Error: dlwt: replace: code in « » expected
  [1]
  $ bad 'file pure.ml\nreplace twice «let\n'
  File "bad/bad.spec", line 2:
  Error: dlwt: this « is never closed
  [1]

A source with a syntax error.

  $ echo 'let let' > syntax.ml
  $ rewrite syntax.ml
  File "syntax.ml", line 1:
  Error: dlwt: this compiler cannot parse the source
  [1]
