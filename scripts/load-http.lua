-- The requests that wrk sends for scripts/load-http: all routes by turns, on all connections. A
-- status other than 2xx, or a body that no route returns, is an error.

local sent = '{ "numbers": [1, 2, 3], "text": "a b" }'
local compact = '{"numbers":[1,2,3],"text":"a b"}'
local count = '{"bytes":' .. #sent .. ',"lines":0}'
local kept = "kept in a session"

local function get(path)
  return wrk.format("GET", path)
end
local function post(path, body)
  return wrk.format("POST", path, nil, body)
end

local routes = {
  function() return get("/") end,
  function() return get("/compute?us=50") end,
  function() return post("/echo", sent) end,
  function() return post("/count", sent) end,
  function() return post("/upper", sent) end,
  function() return get("/sleep?ms=5") end,
}

-- The steps of a session: each is sent when the one before was answered, which only the body of
-- the response shows. The first step follows any response, since wrk creates a request or two that
-- it does not send.
local name, step
local begun = false
local steps = {
  start = function() return post("/sessions", "") end,
  set = function() return wrk.format("PUT", "/sessions/" .. name .. "/key", nil, kept) end,
  get = function() return get("/sessions/" .. name .. "/key") end,
  finish = function() return wrk.format("DELETE", "/sessions/" .. name) end,
}

-- The bodies of responses, and the steps that follow them.
local known = {
  ["Hello, world!"] = true,
  ["slept for 5 ms"] = true,
  [compact] = true,
  [count] = true,
  [sent:upper()] = true,
  ["set"] = "get",
  [kept] = "finish",
  ["finished"] = "start",
}

local turn = 0
function request()
  turn = turn + 1
  if step then
    local now = step
    step = nil
    return steps[now]()
  end
  return routes[turn % #routes + 1]()
end

-- Globals, which `done` can read.
wrong, first_wrong, sessions = 0, "", 0

function response(status, _, body)
  body = body:gsub("\n$", "")
  local follows = known[body] or body:match("^-?%d+$") ~= nil
  if status == 201 then
    name, follows = body, "set"
    sessions = sessions + 1
  elseif not begun then
    begun, step = true, "start"
  end
  if status < 200 or status > 299 or not follows then
    wrong = wrong + 1
    if first_wrong == "" then first_wrong = status .. " " .. body end
  elseif follows ~= true then
    step = follows
  end
end

local threads = {}
function setup(thread)
  table.insert(threads, thread)
end

function done(summary)
  local e, wrong, sessions = summary.errors, 0, 0
  for _, thread in ipairs(threads) do
    wrong = wrong + thread:get("wrong")
    sessions = sessions + thread:get("sessions")
    if thread:get("first_wrong") ~= "" then print("the first: " .. thread:get("first_wrong")) end
  end
  print(string.format("connect %d, read %d, write %d, timeout %d, wrong responses %d",
    e.connect, e.read, e.write, e.timeout, wrong))
  print(string.format("%d requests, %d sessions", summary.requests, sessions))
  local fine = e.connect + e.read + e.write + e.timeout + e.status + wrong == 0
  os.exit(fine and summary.requests > 0 and sessions > 0 and 0 or 1)
end
