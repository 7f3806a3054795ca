-- A bucket that several processes lease from. All in units of the rule and microseconds of the server's clock.
--
-- What is in the bucket and what is leased never exceed the limit together, and the bucket fills no further than that.
-- No debt is larger than a full bucket.
-- A lease that ends unreported counts as spent: its units come back only as the bucket fills.
--
-- KEYS: the bucket. ARGV: this process, limit, every, lease, what it has, what it returns, what it owes, what is needed
-- in all, the least that helps, what it would like to have beyond, and what it was told last: generation, level, time.
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local me = ARGV[1]
local limit, every, lease = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local have, returned, owed = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local need, least, wish = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
local known, known_level, known_at = ARGV[11], tonumber(ARGV[12]), tonumber(ARGV[13])
local rate = limit / every

local level, at, generation
local leases, leased = {}, 0
local stored = redis.call('HGETALL', KEYS[1])
for i = 1, #stored, 2 do
  local field, value = stored[i], stored[i + 1]
  if field == 'level' then
    level = tonumber(value)
  elseif field == 'at' then
    at = tonumber(value)
  elseif field == 'generation' then
    generation = value
  else
    local units, ends = string.match(value, '^(%d+) (%d+)$')
    leases[#leases + 1] = {field, tonumber(units), tonumber(ends)}
    leased = leased + tonumber(units)
  end
end
local older = at
if not level or not at or not generation then
  level, at, generation = limit, now, string.format('%.0f', now)
end
if at > now then
  at = now
end

local function fill(to, most)
  if to > at then
    local filled = level + (to - at) * rate
    if filled > most then
      filled = math.max(most, math.min(level, 0))
    end
    level, at = filled, to
  end
end

-- Leases end one after the other; until then the bucket leaves room for them.
table.sort(leases, function(a, b) return a[3] < b[3] end)
local mine, others, first_end = 0, 0, nil
for _, entry in ipairs(leases) do
  if entry[3] <= now then
    fill(entry[3], limit - leased)
    leased = leased - entry[2]
    redis.call('HDEL', KEYS[1], entry[1])
  elseif entry[1] == me then
    mine = entry[2]
  else
    others = others + 1
  end
end
fill(now, limit - leased)
if level > limit then
  level = limit
end

-- The server may have lost what it knew, all or the newest of it: then this process knows better.
if known ~= '' and (known ~= generation or not older or older < known_at) then
  level = math.min(level, known_level + math.max(now - known_at, 0) * rate)
end

leased = leased - mine + have
if returned > 0 then
  level = math.min(level + returned, math.max(level, limit - leased))
end
-- No debt is larger than a full bucket.
level = math.max(level - owed, -limit)

local there = math.max(math.floor(level), 0)
local granted = 0
local enough = need == 0 or there >= least - have
if enough then
  granted = math.min(there, math.max(need - have, 0))
  if have + granted >= need then
    local spare = have + granted - need
    local part = math.floor((there - granted) / (2 * (others + 1)))
    granted = granted + math.max(math.min(wish - spare, part), 0)
  end
end
level = level - granted

if have + granted > 0 then
  redis.call('HSET', KEYS[1], me, string.format('%.0f %.0f', have + granted, now + lease))
elseif mine > 0 then
  redis.call('HDEL', KEYS[1], me)
end
redis.call('HSET', KEYS[1], 'level', string.format('%.17g', level), 'at', string.format('%.0f', now), 'generation', generation)
local life = math.max(lease, (limit - level) / rate) / 1000 + 1000
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', math.min(life, 1e15)))
return {granted, lease, generation, string.format('%.17g', level), string.format('%.0f', now)}
