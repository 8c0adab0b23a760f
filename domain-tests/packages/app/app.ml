(* Two packages with Rust, which share the types of a third: one paints, on one domain, what the other prints, on
   another. *)

open Lwt.Syntax
open Lwt_interop

let line canvas count =
  let corner = { Shapes.x = 0.; y = 0. } in
  Painter.paint_line canvas corner { Shapes.x = 3.; y = 4. } count

(* A promise of one package is an argument of the other. *)
let paint_and_print canvas = Printer.print_canvas canvas (line canvas 5)

let main () =
  let canvas = Shapes.Canvas.create 20 in
  let* here = paint_and_print canvas in
  let* there =
    Handle.spawn (Pool.handle (Pool.default ()) 0) (fun () -> paint_and_print canvas)
  in
  assert (Array.length (Shapes.Canvas.points canvas) = 10);
  let figure = Shapes.(Group [| Dot { x = 1.; y = 2. }; Group [||] |]) in
  print_endline (Painter.describe (`Brush 2.5) figure);
  print_endline here;
  print_endline there;
  Lwt.catch
    (fun () -> Lwt.map ignore (line canvas 30))
    (function
      | Shapes.Canvas_full n -> Lwt_io.printlf "the canvas has %d points, and no more" n
      | e -> Lwt.reraise e)

let () = Lwt_interop.run ~domains:2 main
