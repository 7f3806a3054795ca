-- Places that several processes lease from. A lease that is not renewed ends, and its places are free again.
--
-- KEYS: the places. ARGV: as for a bucket; what this process has are its places, taken and free.
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local me = ARGV[1]
local limit, lease = tonumber(ARGV[2]), tonumber(ARGV[4])
local have, need, least, wish = tonumber(ARGV[5]), tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])

local leased, others = 0, 0
local stored = redis.call('HGETALL', KEYS[1])
for i = 1, #stored, 2 do
  local field, value = stored[i], stored[i + 1]
  if field ~= me then
    local places, ends = string.match(value, '^(%d+) (%d+)$')
    if tonumber(ends) <= now then
      redis.call('HDEL', KEYS[1], field)
    else
      leased = leased + tonumber(places)
      others = others + 1
    end
  end
end

local there = math.max(limit - leased - have, 0)
local granted = 0
if need == 0 or there >= least - have then
  granted = math.min(there, math.max(need - have, 0))
  if have + granted >= need then
    local spare = have + granted - need
    local part = math.floor((there - granted) / (2 * (others + 1)))
    granted = granted + math.max(math.min(wish - spare, part), 0)
  end
end
if have + granted > 0 then
  redis.call('HSET', KEYS[1], me, string.format('%.0f %.0f', have + granted, now + lease))
else
  redis.call('HDEL', KEYS[1], me)
end
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', lease / 1000 + 1000))
return {granted, lease, '', string.format('%.0f', there - granted), string.format('%.0f', now)}
