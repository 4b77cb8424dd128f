-- For wrk: ask the paths of a file one after the other, over and over, and print what was measured as one line of JSON.
-- wrk --threads 1 --script questions.lua http://HOST:PORT -- FILE

local requests = {}
local threads = {}
asked = 0

function setup(thread)
  table.insert(threads, thread)
end

function init(arguments)
  for path in io.lines(arguments[1]) do
    table.insert(requests, wrk.format("GET", path))
  end
end

function request()
  asked = asked + 1
  return requests[(asked - 1) % #requests + 1]
end

function done(summary, latency, _)
  local errors = summary.errors
  local total = 0
  for _, thread in ipairs(threads) do
    total = total + thread:get("asked")
  end
  print(string.format(
    '{"answers": %d, "microseconds": %d, "p50": %d, "p99": %d, "asked": %d, "refused": %d, "broken": %d, "late": %d}',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), total,
    errors.status, errors.connect + errors.read + errors.write, errors.timeout
  ))
end
