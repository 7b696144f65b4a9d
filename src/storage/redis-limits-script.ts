// The counting of limits inside Redis: one script that corrects, releases, renews and takes for a whole batch of requests in one round
// trip, each request all of its counters or none. It is `core/policy/rate.ts` in Lua, by Redis' own clock, and nothing but that.

import { WINDOW_PARTS } from '../core/policy/rate.ts'

/**
 * KEYS: every counter of the batch once.
 * ARGV: the time in milliseconds or '' for Redis' own; the lease in milliseconds; then four lists, each behind its length:
 * releases `key holder`, renewals `key holder`, corrections `key window amount taken`, requests `holder count` with `count` takes
 * `key window max cost retry`. A key is its place in KEYS, a window of 0 counts what runs at once.
 * Answer: the time as text, then for each take in order what remains, the milliseconds until it is reset, and those to wait: 0 passes,
 * -1 never. A request has passed when all of its takes have.
 */
export const LIMITS_SCRIPT = `
local at = 0
local function arg() at = at + 1; return ARGV[at] end
local function number() return tonumber(arg()) end

local now = arg()
if now == '' then
  local time = redis.call('TIME')
  now = string.format('%.3f', time[1] * 1000 + time[2] / 1000)
end
local stamp = now
now = tonumber(now)
local lease = number()
local counters = {}

local function window(k, span)
  local c = counters[k]
  if c then return c end
  local raw = redis.call('GET', KEYS[k])
  c = { parts = raw and cmsgpack.unpack(raw) or {}, span = span, total = 0 }
  local parts, kept = c.parts, {}
  local newest = parts[#parts - 1]
  if newest and now < newest then
    local by = now - newest
    -- Kept, or it would be now again whenever it is asked, and never be over.
    c.changed = true
    for i = 1, #parts, 3 do parts[i] = parts[i] + by; parts[i + 1] = parts[i + 1] + by end
  end
  for i = 1, #parts, 3 do
    if now - parts[i + 1] < span then
      local n = #kept
      kept[n + 1], kept[n + 2], kept[n + 3] = parts[i], parts[i + 1], parts[i + 2]
      c.total = c.total + parts[i + 2]
    else
      c.changed = true
    end
  end
  c.parts = kept
  counters[k] = c
  return c
end

local function running(k)
  local c = counters[k]
  if c then return c end
  redis.call('ZREMRANGEBYSCORE', KEYS[k], '-inf', now)
  local ahead = redis.call('ZRANGEBYSCORE', KEYS[k], '(' .. string.format('%.3f', now + lease), '+inf')
  for _, holder in ipairs(ahead) do redis.call('ZADD', KEYS[k], now + lease, holder) end
  c = { count = redis.call('ZCARD', KEYS[k]) }
  counters[k] = c
  return c
end

local function hold(k, holder)
  redis.call('ZADD', KEYS[k], string.format('%.3f', now + lease), holder)
  redis.call('PEXPIRE', KEYS[k], 2 * lease)
end

local function add(c, amount)
  if amount == 0 then return end
  local parts = c.parts
  local n = #parts
  c.total = c.total + amount
  c.changed = true
  if n > 0 and now - parts[n - 2] < c.span / ${WINDOW_PARTS} then
    parts[n - 1] = now
    parts[n] = parts[n] + amount
  else
    parts[n + 1], parts[n + 2], parts[n + 3] = now, now, amount
  end
end

local function give(c, taken, amount)
  local parts = c.parts
  for i = #parts - 2, 1, -3 do
    if taken > parts[i + 1] then return end
    if taken >= parts[i] then
      local given = math.min(amount, parts[i + 2])
      parts[i + 2] = parts[i + 2] - given
      c.total = c.total - given
      c.changed = true
      return
    end
  end
end

local function wait(c, most)
  if most < 0 then return -1 end
  local left = c.total
  if left <= most then return 0 end
  local parts = c.parts
  for i = 1, #parts, 3 do
    left = left - parts[i + 2]
    if left <= most then return math.ceil(parts[i + 1] + c.span - now) end
  end
  return -1
end

local function reset(c)
  local parts = c.parts
  if c.total == 0 then return 0 end
  return math.ceil(parts[#parts - 1] + c.span - now)
end

for _ = 1, number() do
  local k, holder = number(), arg()
  local c = running(k)
  c.count = c.count - redis.call('ZREM', KEYS[k], holder)
end
for _ = 1, number() do
  local k, holder = number(), arg()
  local c = running(k)
  if not redis.call('ZSCORE', KEYS[k], holder) then c.count = c.count + 1 end
  hold(k, holder)
end
for _ = 1, number() do
  local k, span, amount, taken = number(), number(), number(), arg()
  local c = window(k, span)
  if amount > 0 then add(c, amount) elseif taken ~= '' then give(c, tonumber(taken), -amount) end
end

local answer = { stamp }
for _ = 1, number() do
  local holder, count = arg(), number()
  local takes, passes = {}, true
  for i = 1, count do
    local t = { k = number(), span = number(), max = number(), cost = number(), retry = number() }
    if t.span == 0 then
      t.c = running(t.k)
      t.wait = t.c.count + t.cost <= t.max and 0 or (t.cost > t.max and -1 or t.retry)
    else
      t.c = window(t.k, t.span)
      t.wait = wait(t.c, t.max - t.cost)
    end
    if t.wait ~= 0 then passes = false end
    takes[i] = t
  end
  for i = 1, count do
    local t = takes[i]
    if passes and t.span == 0 then
      hold(t.k, holder)
      t.c.count = t.c.count + 1
    elseif passes then
      add(t.c, t.cost)
    end
  end
  for i = 1, count do
    local t = takes[i]
    local n = #answer
    answer[n + 1] = math.max(0, t.max - (t.span == 0 and t.c.count or t.c.total))
    answer[n + 2] = t.span == 0 and 0 or reset(t.c)
    answer[n + 3] = t.wait
  end
end

for k, c in pairs(counters) do
  if c.changed then
    redis.call('SET', KEYS[k], cmsgpack.pack(c.parts), 'PX', math.ceil(c.span) + 1000)
  end
end
return answer
`

/** By which Redis knows the script. */
export const LIMITS_SCRIPT_SHA1 = new Bun.CryptoHasher('sha1').update(LIMITS_SCRIPT).digest('hex')
