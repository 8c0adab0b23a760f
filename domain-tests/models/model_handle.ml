let () = Model.run (Handle_calls.tests @ Handle_storm.tests)
