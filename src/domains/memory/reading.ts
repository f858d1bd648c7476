import { z } from 'zod';
import { type Identity, scopeFor } from '../../kernel/access/model.ts';
import type { ReadContext } from '../../kernel/context.ts';
import { invalid } from '../../kernel/errors.ts';
import { limits } from '../../kernel/limits.ts';
import { query } from '../../kernel/operation.ts';
import * as schema from '../../kernel/schema.ts';
import type { Work } from '../../kernel/work.ts';
import * as items from './items.ts';
import type { ItemHead } from './model.ts';
import * as model from './model.ts';
import { type ItemRow, itemIn, itemsBetween, type KeyRow, revisionsIn } from './statements.ts';

export const get = query({
  name: 'memory.get',
  summary: 'Read the value of a key, from the nearest audience that holds it',
  description:
    'Looks in private, team, swarm, project and system, in that order. Answers null for what is absent or forbidden.',
  input: z.strictObject({
    ...model.address,
    asOf: z
      .int('a whole number')
      .min(0, 'at least 0')
      .optional()
      .describe('The state after this ledger sequence number'),
  }),
  output: model.item.nullable(),
  access: 'read',
  route: 'GET /api/v1/memory/{namespace}/{key}',
  positional: ['key'],
  snapshot: false,
  *run(context, input) {
    const row =
      input.asOf === undefined
        ? yield* items.find(context, input)
        : yield* findAsOf(context, input, input.asOf);
    return row ? yield* items.read(context, row) : null;
  },
});

/**
 * The revision that was current after a ledger entry. Absent are what was pruned from the history, and what has expired
 * since: a time to live ends every way of reading a value.
 */
function* findAsOf(context: ReadContext, address: items.Address, asOf: number): Work<ItemRow | undefined> {
  const { namespace, key, level, audience } = address;
  const identity = yield* context.identity();
  if (level === undefined && audience !== undefined) throw invalid('level', 'required with an audience');
  const candidates = level === undefined ? identity.scopes : [scopeFor(identity, level, audience)];
  const now = yield* items.storeClock(context);
  for (const scope of candidates) {
    const found = yield* readableRevisions(context, identity, { namespace, key, scope });
    if (!found) continue;
    const { current, owner } = found;
    const range = { below: current.revision, asOf, owner, limit: 1 };
    const [then] = current.seq <= asOf ? [current] : yield* revisionsIn(context.project, current, range);
    if (then && items.isLive(then, now)) return then;
  }
  return undefined;
}

/**
 * What the caller may read of one key in one scope: all revisions (`owner` empty), or those it owned itself in an
 * audience that it has left.
 */
function* readableRevisions(
  context: ReadContext,
  identity: Identity,
  at: { readonly namespace: string; readonly key: string; readonly scope: string },
): Work<{ current: ItemRow; owner: string } | undefined> {
  const { namespace, key, scope } = at;
  const current = yield* itemIn(context.project, namespace, key, scope);
  const path = `${namespace}/${key}`;
  const all = yield* context.may(identity, 'read', 'memory', { scope, owner: '', path });
  const owner = current?.owner ?? '';
  if (!all && !(yield* context.may(identity, 'read', 'memory', { scope, owner, path }))) {
    context.noteDenial(items.subjectOf(namespace, key, scope));
    return undefined;
  }
  return current && { current, owner: all ? '' : context.agent };
}

export const has = query({
  name: 'memory.has',
  summary: 'Tell whether a key can be read',
  input: z.strictObject(model.address),
  output: z.object({ exists: z.boolean() }),
  access: 'read',
  route: 'GET /api/v1/memory-exists/{namespace}/{key}',
  positional: ['key'],
  *run(context, input) {
    const row = yield* items.find(context, input);
    if (row) context.noteRead(items.subjectOf(row.namespace, row.key, row.scope));
    return { exists: row !== undefined };
  },
});

/** Rows looked at in one call: a page may come back short, with a cursor to go on from. */
const scannedPagesMax = 10;

export const keys = query({
  name: 'memory.keys',
  summary: 'List the keys that can be read, each once, in order',
  description: `Looks at up to ${scannedPagesMax * limits.pageSize} keys a call: where few match, a page may be short and still have a nextCursor.`,
  input: z.strictObject({
    namespace: model.namespace,
    pattern: schema.name.default('*').describe('Glob over keys: * for any run of characters, ? for one'),
    level: model.address.level,
    audience: model.address.audience,
    limit: schema.limit,
    cursor: schema.cursor,
  }),
  output: z.object({ keys: z.array(model.itemHead), nextCursor: z.string().nullable() }),
  access: 'read',
  route: 'GET /api/v1/memory/{namespace}',
  positional: ['pattern'],
  *run(context, input) {
    const identity = yield* context.identity();
    if (input.audience !== undefined && input.level === undefined)
      throw invalid('level', 'required with an audience');
    const scope = input.level === undefined ? '' : scopeFor(identity, input.level, input.audience);
    const found = yield* scan(context, identity, { ...input, scope });
    const closed = new Set(found.keys.map((row) => row.scope));
    for (const seen of closed) context.noteRead(items.subjectOf(input.namespace, '', seen));
    if (scope !== '' && closed.size === 0 && !identity.scopes.includes(scope))
      context.noteDenial(items.subjectOf(input.namespace, '', scope));
    return found;
  },
});

interface Scan {
  readonly namespace: string;
  readonly pattern: string;
  /** Empty for all that can be read. */
  readonly scope: string;
  readonly limit: number;
  readonly cursor: string;
}

/** Keys in order, each with its nearest item, until the page is full or enough rows were looked at. */
function* scan(
  context: ReadContext,
  identity: Identity,
  { namespace, pattern, scope, limit, cursor }: Scan,
): Work<{ keys: ItemHead[]; nextCursor: string | null }> {
  const { from, to, matches } = model.keyPattern(pattern);
  const found = new Map<string, KeyRow>();
  const answer = (nextCursor: string | null) => ({ keys: [...found.values()].map(items.headOf), nextCursor });
  let after = { key: cursor, scope: model.lastText };
  // The last key whose items were all looked at.
  let complete = cursor;
  for (let pages = 1; ; pages++) {
    const range = { from, after, to };
    const { project, agent, now } = context;
    const page = yield* itemsBetween(project, agent, namespace, range, scope, now, limits.pageSize);
    for (const row of page) {
      if (row.key !== after.key) complete = after.key;
      after = row;
      if (!matches(row.key)) continue;
      const known = found.get(row.key);
      if (!known && found.size === limit) return answer([...found.keys()].at(-1)!);
      if (!known || nearer(identity.scopes, row.scope, known.scope)) found.set(row.key, row);
    }
    if (page.length < limits.pageSize) return answer(null);
    if (pages >= scannedPagesMax && complete !== cursor) {
      found.delete(after.key);
      return answer(complete);
    }
  }
}

/** Whether scope `a` comes before `b` in the agent's order of lookup; scopes opened by a grant come last. */
function nearer(own: readonly string[], a: string, b: string): boolean {
  const rank = (scope: string) => (own.includes(scope) ? own.indexOf(scope) : own.length);
  return rank(a) < rank(b);
}

export const mget = query({
  name: 'memory.mget',
  summary: 'Read several keys at once, in one consistent state',
  input: z.strictObject({
    namespace: model.namespace,
    level: model.address.level,
    audience: model.address.audience,
    keys: z
      .array(schema.name)
      .min(1, 'at least one key')
      .max(limits.batchItems, `at most ${limits.batchItems} keys`),
  }),
  output: z.object({ values: z.array(model.item.nullable()) }),
  access: 'read',
  route: 'POST /api/v1/memory-mget',
  positional: ['keys'],
  *run(context, { keys: wanted, ...address }) {
    const values: (model.Item | null)[] = [];
    for (const key of wanted) {
      const row = yield* items.find(context, { ...address, key });
      values.push(row ? yield* items.read(context, row) : null);
    }
    return { values };
  },
});

export const history = query({
  name: 'memory.history',
  summary: 'Read the revisions of a key, newest first',
  description: `Keeps the last ${limits.historyRevisions} superseded revisions of each key. A revision that was deleted or has expired has no value.`,
  input: z.strictObject({
    ...model.address,
    level: model.writing.level,
    before: z.int('a whole number').min(1, 'at least 1').optional().describe('Revisions below this one'),
    limit: schema.limit,
  }),
  output: z.object({
    revisions: z.array(model.item.extend({ author: z.string(), deleted: z.boolean(), expired: z.boolean() })),
  }),
  access: 'read',
  route: 'GET /api/v1/memory/{namespace}/{key}/history',
  positional: ['key'],
  *run(context, input) {
    const identity = yield* context.identity();
    const { namespace, key, limit, before = Number.MAX_SAFE_INTEGER } = input;
    const scope = scopeFor(identity, input.level, input.audience);
    const found = yield* readableRevisions(context, identity, { namespace, key, scope });
    if (!found) return { revisions: [] };
    const { current, owner } = found;
    const below = Math.min(before, current.revision);
    const range = { below, asOf: Number.MAX_SAFE_INTEGER, owner, limit };
    const older = yield* revisionsIn(context.project, current, range);
    const rows = (current.revision < before ? [current, ...older] : older).slice(0, limit);
    const now = yield* items.storeClock(context);
    const revisions = [];
    for (const row of rows) {
      const deleted = row.deleted === 1;
      const expired = !deleted && !items.isLive(row, now);
      const value: unknown = deleted || expired ? null : JSON.parse(yield* items.contentOf(context, row));
      revisions.push({ ...items.headOf(row), value, author: row.author, deleted, expired });
    }
    context.noteRead(items.subjectOf(namespace, key, scope));
    return { revisions };
  },
});
