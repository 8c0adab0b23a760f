let () = Measure.main (Promises.all @ Loop.all)
