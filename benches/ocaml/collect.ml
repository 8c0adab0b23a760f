let minor n =
  for _ = 1 to n do
    Gc.minor ()
  done
