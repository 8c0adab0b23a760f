let _ = Painter.paint_line
