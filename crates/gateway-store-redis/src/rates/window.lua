-- A window that several processes lease from: it begins with its first unit and starts anew when it is over.
--
-- What is leased counts as passed; what is returned within the window does not. All ends with the window.
--
-- KEYS: the window. ARGV: as for a bucket; what was told last is: beginning, units left then, time.
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local me = ARGV[1]
local limit, every = tonumber(ARGV[2]), tonumber(ARGV[3])
local have, returned, owed = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local need, least, wish = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
local known, known_left = tonumber(ARGV[11]) or 0, tonumber(ARGV[12])

local from = tonumber(redis.call('HGET', KEYS[1], 'from') or '0')
local passed = tonumber(redis.call('HGET', KEYS[1], 'passed') or '0')
if from == 0 or now >= from + every then
  redis.call('DEL', KEYS[1])
  if known > 0 and now < known + every then
    -- The server lost the window: this process knows better.
    from, passed = known, limit - known_left
  elseif need == 0 then
    return {0, 0, '', '0', string.format('%.0f', now)}
  else
    from, passed = now, 0
  end
elseif known > 0 and known < from and now < known + every then
  -- Another process began anew after a loss.
  passed = math.max(passed, limit - known_left)
end

if known == from then
  passed = passed - returned
end
-- No debt is larger than a full window.
passed = math.min(passed + owed, 2 * limit)
local there = math.max(limit - passed, 0)
local granted = 0
redis.call('HSET', KEYS[1], me, '1')
if need == 0 or there >= least - have then
  granted = math.min(there, math.max(need - have, 0))
  if have + granted >= need then
    local spare = have + granted - need
    local others = redis.call('HLEN', KEYS[1])
    local part = math.floor((there - granted) / (2 * math.max(others - 2, 1)))
    granted = granted + math.max(math.min(wish - spare, part), 0)
  end
end
passed = passed + granted
redis.call('HSET', KEYS[1], 'from', string.format('%.0f', from), 'passed', string.format('%.0f', passed))
local left = from + every - now
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', math.min(math.ceil(left / 1000) + 1000, 1e15)))
return {granted, left, string.format('%.0f', from), string.format('%.0f', limit - passed), string.format('%.0f', now)}
