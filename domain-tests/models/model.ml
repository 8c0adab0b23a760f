let number variable =
  Option.map
    (fun text ->
      match int_of_string_opt text with
      | Some n when n > 0 -> n
      | _ -> failwith (Printf.sprintf "%s=%s is not a positive number" variable text))
    (Sys.getenv_opt variable)

let factor = Option.value (number "MODEL_COUNT") ~default:1
let count n = n * factor
let rec repeated n f x = n = 0 || (f x && repeated (n - 1) f x)
let fail fmt = Printf.ksprintf (fun text -> QCheck2.Test.fail_report text) fmt

let run tests =
  Option.iter QCheck_base_runner.set_seed (number "MODEL_SEED");
  QCheck_base_runner.run_tests_main tests
