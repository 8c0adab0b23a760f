let () = Model.run (Channel_calls.tests @ Channel_line.tests @ Channel_storm.tests)
