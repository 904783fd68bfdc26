-- For wrk: sends GET, or POST with the body that stands after `--`, and reports in one line of JSON.

init = function(arguments)
  if arguments[1] then
    wrk.method = "POST"
    wrk.body = arguments[1]
    wrk.headers["Content-Type"] = "application/json"
  end
end

done = function(summary, latency, requests)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format(
    '\n{"requests": %d, "failed": %d, "seconds": %.6f, "p50_ms": %.4f, "p99_ms": %.4f}\n',
    summary.requests, failed, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
