import { createHash } from 'node:crypto';
import type { RedisParameter, RedisPort } from '../redis.ts';

/**
 * What is applied in Redis is applied by these scripts: each runs alone and to its end. Two processes that relay at
 * once, a script that is sent again because its answer was lost, and a Redis that has lost everything all come down to
 * the same comparison with the position that Redis itself keeps.
 *
 * Keys, under `rookery:<project>:`
 * - `position:<store>`  `<token> <seq>`: how far this store's ledger has been applied. The token is drawn whenever the
 *   copy is begun anew, so that nothing that was prepared before can come after.
 * - `feed`              the stream of entries, `<seq>-0` each. It belongs to one store at a time:
 * - `store`             which one, for `leaseSeconds` after its last sign of life.
 * - `version:<key>`     `<token> <version> <note>` of a hot key, also after its deletion for a while.
 * - `filling:<store>`   there while the hot keys are written anew from the tables.
 */
export class Script {
  readonly #text: string;
  readonly #sha: string;

  constructor(text: string) {
    this.#text = text;
    this.#sha = createHash('sha1').update(text).digest('hex');
  }

  async run(port: RedisPort, parameters: readonly RedisParameter[]): Promise<string[]> {
    try {
      return texts(await port.command('EVALSHA', this.#sha, 0, ...parameters));
    } catch (error) {
      if (!(error as Error).message?.startsWith('NOSCRIPT')) throw error;
      return texts(await port.command('EVAL', this.#text, 0, ...parameters));
    }
  }
}

function texts(answer: unknown): string[] {
  return (answer as unknown[]).map((part) => (part === null ? '' : String(part)));
}

const leaseSeconds = 60;
const positionDays = 30;
const tombstoneSeconds = 3600;

/** Entries stay as texts: Lua would write a large number as 1e+15. */
const common = `
local prefix, store, token = ARGV[1], ARGV[2], ARGV[3]
local positionKey = prefix .. ':position:' .. store
local feed, owner = prefix .. ':feed', prefix .. ':store'

local function positionNow()
  local kept = redis.call('GET', positionKey)
  if not kept then return nil, nil end
  return string.match(kept, '^(%S+) (%d+)$')
end

local function lastOfFeed()
  local facts = redis.pcall('XINFO', 'STREAM', feed)
  if facts.err then return nil end
  for i = 1, #facts, 2 do
    if facts[i] == 'last-generated-id' then return facts[i + 1] end
  end
end

local failures = 0
local failure = ''
local function try(...)
  local answer = redis.pcall(...)
  if type(answer) == 'table' and answer.err then
    failures = failures + 1
    failure = string.match(answer.err, '%u%u+') or 'ERR'
  end
end

local function newer(name, version)
  local kept = redis.call('GET', name)
  if not kept then return true end
  local keptToken, keptVersion = string.match(kept, '^(%S+) (%d+)')
  return keptToken ~= token or tonumber(keptVersion) <= tonumber(version)
end

local function write(kind, key, detail, version, value, note)
  if kind == 'publish' then return try('PUBLISH', key, value) end
  if kind == 'refill' then return redis.call('SET', prefix .. ':filling:' .. store, token) end
  local name = prefix .. ':version:' .. key
  local hashed = kind == 'setField' or kind == 'deleteField'
  if hashed then name = name .. ' ' .. detail end
  if not newer(name, version) then return end
  local kept = token .. ' ' .. version .. ' ' .. note
  if kind == 'set' and detail ~= '' then
    try('SET', key, value, 'PX', detail)
    redis.call('SET', name, kept, 'PX', tonumber(detail) + ${tombstoneSeconds * 1000})
  elseif kind == 'set' then
    try('SET', key, value)
    redis.call('SET', name, kept)
  elseif kind == 'setField' then
    try('HSET', key, detail, value)
    redis.call('SET', name, kept)
  else
    if hashed then try('HDEL', key, detail) else try('DEL', key) end
    redis.call('SET', name, kept, 'EX', ${tombstoneSeconds})
  end
end

local function writes(from, count)
  for i = from, from + (count - 1) * 6, 6 do
    write(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5])
  end
end
`;

/**
 * 4 start, 5 head of the ledger, 6 the stored position, up to which pointers may be gone. Answers `kept` or `begun`, the token and the position, and whether hot keys are still
 * to be written. What is lost of position and feed is lost of both; a position beyond the head belongs to a ledger that
 * was set back.
 */
export const begin: Script = new Script(`${common}
local keptToken, position = positionNow()
local held = redis.call('GET', owner)
local ours = held == store or not held
local filling = prefix .. ':filling:' .. store
local sound = position and tonumber(position) <= tonumber(ARGV[5])
if sound and (not ours or lastOfFeed() == position .. '-0') then
  if tonumber(position) < tonumber(ARGV[6]) then redis.call('SET', filling, keptToken) end
  if ours then redis.call('SET', owner, store, 'EX', ${leaseSeconds}) end
  return {'kept', keptToken, position, tostring(redis.call('EXISTS', filling)), ours and store or held}
end
if ours then
  redis.call('SET', owner, store, 'EX', ${leaseSeconds})
  redis.call('DEL', feed)
  redis.call('XGROUP', 'CREATE', feed, 'rookery', '0', 'MKSTREAM')
  redis.call('XGROUP', 'DESTROY', feed, 'rookery')
  if ARGV[4] ~= '0' then redis.call('XSETID', feed, ARGV[4] .. '-0') end
end
redis.call('SET', positionKey, token .. ' ' .. ARGV[4], 'EX', ${positionDays * 86_400})
-- Before the first entry there is nothing to be found in the tables.
if ARGV[6] == '0' then return {'begun', token, ARGV[4], '0', ours and store or held} end
redis.call('SET', filling, token)
return {'begun', token, ARGV[4], '1', ours and store or held}`);

/**
 * 4 base, 5 length of the feed, then for each entry: seq, text, number of writes, the writes. Answers `applied`, the
 * position, how many writes failed and with which error last; or `lost` when Redis is not where the batch begins.
 */
export const push: Script = new Script(`${common}
local keptToken, kept = positionNow()
local held = redis.call('GET', owner)
local feeding = held == store
if keptToken ~= token or tonumber(kept) < tonumber(ARGV[4]) or not held then return {'lost'} end
if feeding and lastOfFeed() ~= kept .. '-0' then return {'lost'} end
-- The first write decides: a Redis that is full or only to be read refuses it, and with it all the others.
if feeding then redis.call('SET', owner, store, 'EX', ${leaseSeconds}) end
local position = kept
local i = 6
while i <= #ARGV do
  local seq, count = ARGV[i], tonumber(ARGV[i + 2])
  if tonumber(seq) > tonumber(position) then
    if feeding then
      redis.call('XADD', feed, 'MAXLEN', '~', ARGV[5], seq .. '-0', 'entry', ARGV[i + 1])
    end
    writes(i + 3, count)
    position = seq
    redis.call('SET', positionKey, token .. ' ' .. position, 'EX', ${positionDays * 86_400})
  end
  i = i + 3 + count * 6
end
if position ~= kept then redis.call('PUBLISH', feed, position) end
return {'applied', position, tostring(failures), failure, held}`);

/** 4 whether it is the last page, then writes. Answers `filled`, or `lost` when the copy was begun anew since. */
export const fill: Script = new Script(`${common}
local keptToken = positionNow()
if keptToken ~= token then return {'lost'} end
writes(5, (#ARGV - 4) / 6)
if ARGV[4] == '1' then redis.call('DEL', prefix .. ':filling:' .. store) end
return {'filled', tostring(failures), failure}`);

/** Gives the feed free for another store, when this one is closed. */
export const leave: Script = new Script(`${common}
if redis.call('GET', owner) == store then redis.call('PEXPIRE', owner, 1000) end
return {'left'}`);
