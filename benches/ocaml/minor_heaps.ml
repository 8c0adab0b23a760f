let use_that_of_run () = Gc.set { (Gc.get ()) with minor_heap_size = 1 lsl 21 }
