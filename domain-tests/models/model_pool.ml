let () = Model.run Pool_storm.tests
