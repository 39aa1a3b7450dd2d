import { createHash } from 'node:crypto'
import { bucketOf, heldKeys, indexKey, newsChannel, recordKey } from './redis-keys.ts'
import { hubName } from './redis-value.ts'
import type { StoredRecord } from './store.ts'

/** A Lua script, and the name by which Redis remembers it. */
export interface Script {
  readonly source: string
  readonly sha1: string
}

function script(source: string): Script {
  const whole = SHARED + source
  return { source: whole, sha1: createHash('sha1').update(whole).digest('hex') }
}

/*
 * Keys that hold what they should not, of another type say, are written over. Numbers stay the text that they came as: Lua would round them in print.
 * Ghosts: records whose lifetime has ended leave the index a day later, some with each change in their bucket, so that a hub whose clock is wrong by hours takes nobody else's out.
 * Sets expire with the longest lived record that was in them: `keep` is relative, counted by the clock of Redis.
 */
const SHARED = `
local key, index, held = KEYS[1], KEYS[2], ARGV[1]
local peer, channel, now = ARGV[2], ARGV[3], tonumber(ARGV[4])

local function read()
  local value = redis.pcall('GET', key)
  if type(value) ~= 'string' then return nil end
  local seq, left, free, expires, forget, hubs, at = string.match(value, '^1 (%d+) ([01]) ([01]) (%d+) (%d+) ([^\\n ]*)\\n()')
  if not seq or tonumber(seq) > 9007199254740991 or tonumber(forget) <= now then return nil end
  local kept = { value = value, seq = seq, left = left, free = free, expires = expires, forget = forget, hubs = {}, envelope = string.sub(value, at) }
  for hub in string.gmatch(hubs, '[^,]+') do table.insert(kept.hubs, hub) end
  return kept
end

local function line(kept)
  local head = { '1', kept.seq, kept.left, kept.free, kept.expires, kept.forget, table.concat(kept.hubs, ',') }
  return table.concat(head, ' ') .. '\\n' .. kept.envelope
end

local function is_there(kept)
  return kept ~= nil and kept.left == '0' and (kept.free == '1' or #kept.hubs > 0) and tonumber(kept.expires) > now
end

local function holds(kept, hub)
  for at, each in ipairs(kept.hubs) do if each == hub then return at end end
  return nil
end

local function outlive(name, keep)
  if redis.call('PTTL', name) < keep then redis.call('PEXPIRE', name, keep) end
end

local function add_to(name, kind, ...)
  if type(redis.pcall(kind, name, ...)) == 'table' then
    redis.call('DEL', name)
    redis.call(kind, name, ...)
  end
end

local function sort_in(kept)
  if is_there(kept) then
    add_to(index, 'ZADD', kept.expires, peer)
    outlive(index, math.max(1, tonumber(kept.forget) - now))
  else
    redis.pcall('ZREM', index, peer)
  end
  local ghosts = redis.pcall('ZRANGEBYSCORE', index, '-inf', now - 86400000, 'LIMIT', 0, 16)
  if type(ghosts) == 'table' and not ghosts.err then
    for _, ghost in ipairs(ghosts) do redis.call('ZREM', index, ghost) end
  end
end
`

/** Keeps a record if it is newer: as standing.ts has it. */
const PUT = script(`
local hub, envelope = ARGV[5], ARGV[11]
local kept = read()
local was = is_there(kept)
local next, outcome
if kept and (tonumber(ARGV[6]) < tonumber(kept.seq) or (ARGV[6] == kept.seq and envelope ~= kept.envelope)) then
  return { 'stale', kept.value }
elseif kept and ARGV[6] == kept.seq then
  if hub == '' or kept.left == '1' or (holds(kept, hub) and kept.free == '0') then return { 'same' } end
  outcome, next = 'same', kept
  if not holds(next, hub) then table.insert(next.hubs, hub) end
  next.free = '0'
  redis.call('SET', key, line(next), 'KEEPTTL')
else
  outcome = 'stored'
  next = { seq = ARGV[6], left = ARGV[7], free = '0', expires = ARGV[8], forget = ARGV[9], hubs = kept and kept.hubs or {}, envelope = envelope }
  if next.left == '1' then
    for _, each in ipairs(next.hubs) do redis.pcall('SREM', held .. each, peer) end
    next.hubs = {}
  elseif hub ~= '' then
    if not holds(next, hub) then table.insert(next.hubs, hub) end
  elseif #next.hubs == 0 then
    next.free = '1'
  end
  redis.call('SET', key, line(next), 'PX', ARGV[10])
end
if hub ~= '' and next.left == '0' then
  add_to(held .. hub, 'SADD', peer)
  outlive(held .. hub, tonumber(ARGV[10]))
end
sort_in(next)
local is = is_there(next)
if is and (outcome == 'stored' or not was) then
  redis.call('PUBLISH', channel, line(next))
elseif was and not is then
  redis.call('PUBLISH', channel, '0 ' .. next.seq)
end
return { outcome }
`)

const RELEASE = script(`
local hub = ARGV[5]
redis.pcall('SREM', held .. hub, peer)
local kept = read()
local at = kept and holds(kept, hub)
if not at then return 0 end
local was = is_there(kept)
table.remove(kept.hubs, at)
redis.call('SET', key, line(kept), 'KEEPTTL')
sort_in(kept)
if was and not is_there(kept) then redis.call('PUBLISH', channel, '0 ' .. kept.seq) end
return 1
`)

/** A script with its keys, all of one slot, and its arguments. */
export interface ScriptCall {
  readonly script: Script
  readonly keys: readonly string[]
  readonly args: readonly (string | Buffer)[]
}

export function putCall(record: StoredRecord, hub: string | undefined, nowMs: number): ScriptCall {
  const { peer, seq, left, envelope } = record
  const [expiresMs, forgetMs] = [Math.round(record.expiresMs), Math.round(record.forgetMs)]
  // counted by the clock of Redis from now on, whatever it is: hubs whose clocks are wrong forget nothing too early
  const keepMs = Math.max(1, forgetMs - Math.round(nowMs))
  const fields = [seq, left ? 1 : 0, expiresMs, forgetMs, keepMs].map(String)
  const bytes = Buffer.from(envelope.buffer, envelope.byteOffset, envelope.byteLength)
  return call(PUT, peer, hub, nowMs, [...fields, bytes])
}

export function releaseCall(peer: string, hub: string, nowMs: number): ScriptCall {
  return call(RELEASE, peer, hub, nowMs, [])
}

function call(
  script: Script,
  peer: string,
  hub: string | undefined,
  nowMs: number,
  args: readonly (string | Buffer)[]
): ScriptCall {
  const bucket = bucketOf(peer)
  const name = hub == null ? '' : hubName(hub)
  return {
    script,
    keys: [recordKey(peer), indexKey(bucket)],
    args: [heldKeys(bucket), peer, newsChannel(peer), String(Math.round(nowMs)), name, ...args]
  }
}
