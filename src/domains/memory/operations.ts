import { z } from 'zod';
import { scopeFor } from '../../kernel/access/model.ts';
import { invalid, RookeryError } from '../../kernel/errors.ts';
import { encodeValue } from '../../kernel/json.ts';
import { limits } from '../../kernel/limits.ts';
import { mutation, query } from '../../kernel/operation.ts';
import * as schema from '../../kernel/schema.ts';
import type { Work } from '../../kernel/work.ts';
import * as items from './items.ts';
import * as model from './model.ts';
import {
  expiredItems,
  type ItemRow,
  itemIn,
  itemsBetween,
  liveItemsIn,
  revisionsBelow,
} from './statements.ts';

export const get = query({
  name: 'memory.get',
  summary: 'Read the value of a key, from the nearest audience that holds it',
  description:
    'Looks in private, team, swarm, project and system, in that order. Answers null for what is absent or forbidden.',
  input: z.strictObject({
    ...model.address,
    asOf: z.int().min(0).optional().describe('The state after this ledger sequence number'),
  }),
  output: model.item.nullable(),
  access: 'read',
  route: 'GET /api/v1/memory/{namespace}/{key}',
  positional: ['key'],
  *run(context, input) {
    const row =
      input.asOf === undefined
        ? yield* items.find(context, input)
        : yield* findAsOf(context, input, input.asOf);
    return row ? yield* items.read(context, row) : null;
  },
});

/** The revision that was current after a ledger entry. What was pruned from the history is absent. */
function* findAsOf(
  context: Parameters<typeof items.find>[0],
  address: items.Address,
  asOf: number,
): Work<ItemRow | undefined> {
  const identity = yield* context.identity();
  const candidates =
    address.level === undefined ? identity.scopes : [scopeFor(identity, address.level, address.audience)];
  for (const scope of candidates) {
    const { namespace, key } = address;
    const row = yield* itemIn(context.project, namespace, key, scope);
    if (!row) continue;
    if (
      !(yield* context.may(identity, 'read', 'memory', {
        scope,
        owner: row.owner,
        path: `${namespace}/${key}`,
      }))
    )
      continue;
    const [then] =
      row.seq <= asOf
        ? [row]
        : yield* revisionsBelow(context.project, namespace, key, scope, row.revision, asOf, 1);
    if (then && then.deleted === 0) return then;
  }
  return undefined;
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

export const set = mutation({
  name: 'memory.set',
  summary: 'Store a value under a key for an audience',
  input: z.strictObject({
    ...model.address,
    value: schema.json.describe('Any JSON value'),
    ...model.writing,
    expectedRevision: model.expectedRevision,
  }),
  output: model.itemHead,
  access: 'write',
  route: 'PUT /api/v1/memory/{namespace}/{key}',
  positional: ['key', 'value'],
  *run(context, input) {
    const content = encodeValue('value', input.value);
    const { scope, current } = yield* items.forWriting(context, input);
    items.assertRevision(input.expectedRevision, current, context.now);
    const expiresAt = model.expiryOf(input.ttl, context.now);
    return yield* items.write(context, current, {
      ...input,
      scope,
      content,
      encrypt: input.encrypt,
      expiresAt,
    });
  },
});

export const remove = mutation({
  name: 'memory.delete',
  summary: 'Delete a key',
  description: 'Without a level, the nearest one that the agent can see. Its history stays readable.',
  input: z.strictObject({ ...model.address, expectedRevision: model.expectedRevision }),
  output: z.object({ deleted: z.boolean(), revision: z.int().nullable() }),
  access: 'write',
  route: 'DELETE /api/v1/memory/{namespace}/{key}',
  positional: ['key'],
  *run(context, input) {
    const row = yield* items.find(context, input);
    items.assertRevision(input.expectedRevision, row, context.now);
    if (!row) return { deleted: false, revision: null };
    const identity = yield* context.identity();
    yield* items.assertMay(context, identity, 'delete', row.namespace, row.key, row.scope);
    return { deleted: true, revision: yield* items.remove(context, row) };
  },
});

const keysInput = z.strictObject({
  namespace: model.namespace,
  pattern: z
    .string()
    .max(limits.nameLength)
    .default('*')
    .describe('Glob over keys: * for any run of characters, ? for one'),
  level: model.address.level,
  audience: model.address.audience,
  limit: schema.limit,
  cursor: schema.cursor,
});

export const keys = query({
  name: 'memory.keys',
  summary: 'List the keys that can be read, each once, in order',
  input: keysInput,
  output: z.object({ keys: z.array(model.itemHead), nextCursor: z.string().nullable() }),
  access: 'read',
  route: 'GET /api/v1/memory/{namespace}',
  positional: ['pattern'],
  *run(context, input) {
    const identity = yield* context.identity();
    if (input.audience !== undefined && input.level === undefined)
      throw invalid('level', 'required with an audience');
    const scope = input.level === undefined ? '' : scopeFor(identity, input.level, input.audience);
    const { prefix, matches } = model.keyPattern(input.pattern);
    const found = new Map<string, Omit<ItemRow, 'value' | 'sealed'>>();
    let after = input.cursor;
    for (;;) {
      const range = { from: prefix, after, to: `${prefix}\u{10ffff}` };
      const page = yield* itemsBetween(
        context.project,
        context.agent,
        input.namespace,
        range,
        scope,
        context.now,
        limits.pageSize,
      );
      for (const row of page) {
        if (!matches(row.key)) continue;
        const known = found.get(row.key);
        if (!known && found.size === input.limit) {
          return finish(found, [...found.keys()].at(-1)!);
        }
        if (!known || nearer(identity.scopes, row.scope, known.scope)) found.set(row.key, row);
      }
      if (page.length < limits.pageSize) return finish(found, null);
      after = page.at(-1)!.key;
    }
  },
});

function finish(found: Map<string, Omit<ItemRow, 'value' | 'sealed'>>, nextCursor: string | null) {
  return { keys: [...found.values()].map(items.headOf), nextCursor };
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
    ...model.address,
    key: z.undefined().optional(),
    keys: z.array(schema.name).min(1).max(limits.batchItems, `at most ${limits.batchItems} keys`),
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

export const mset = mutation({
  name: 'memory.mset',
  summary: 'Store several values at once, all or none',
  input: z.strictObject({
    namespace: model.namespace,
    entries: z
      .array(
        z.strictObject({ key: schema.name, value: schema.json, expectedRevision: model.expectedRevision }),
      )
      .min(1)
      .max(limits.batchItems, `at most ${limits.batchItems} entries`),
    ...model.writing,
  }),
  output: z.object({ items: z.array(model.itemHead) }),
  access: 'write',
  route: 'POST /api/v1/memory-mset',
  *run(context, { entries, ...shared }) {
    const written: model.ItemHead[] = [];
    const expiresAt = model.expiryOf(shared.ttl, context.now);
    for (const { key, value, expectedRevision } of entries) {
      const content = encodeValue('value', value);
      const { scope, current } = yield* items.forWriting(context, { ...shared, key });
      items.assertRevision(expectedRevision, current, context.now);
      const { namespace, encrypt } = shared;
      written.push(
        yield* items.write(context, current, { namespace, key, scope, content, encrypt, expiresAt }),
      );
    }
    return { items: written };
  },
});

export const expire = mutation({
  name: 'memory.expire',
  summary: 'Give a key a new time to live',
  input: z.strictObject({ ...model.address, level: model.writing.level, ttl: model.ttl }),
  output: model.itemHead.nullable(),
  access: 'write',
  route: 'POST /api/v1/memory/{namespace}/{key}/expire',
  positional: ['key', 'ttl'],
  *run(context, input) {
    const { scope, current } = yield* items.forWriting(context, input);
    if (!current || !items.isLive(current, context.now)) return null;
    const content = yield* items.contentOf(context, current);
    const expiresAt = model.expiryOf(input.ttl, context.now);
    return yield* items.write(context, current, {
      ...input,
      scope,
      content,
      encrypt: keepsSeal(current),
      expiresAt,
    });
  },
});

/** A changed item stays as encrypted as it was; where the level decides, nothing is said. */
function keepsSeal(row: ItemRow): true | undefined {
  return row.sealed !== null ? true : undefined;
}

const counterInput = {
  ...model.address,
  ...model.writing,
  by: z.number().default(1).describe('By how much'),
};
const counterOutput = z.object({ value: z.number(), revision: z.int() });

function* add(
  context: Parameters<typeof items.write>[0],
  input: z.output<z.ZodObject<typeof counterInput>>,
  by: number,
): Work<z.output<typeof counterOutput>> {
  const { scope, current } = yield* items.forWriting(context, input);
  const alive = current && items.isLive(current, context.now) ? current : undefined;
  const old: unknown = alive ? JSON.parse(yield* items.contentOf(context, alive)) : 0;
  if (typeof old !== 'number')
    throw new RookeryError('NOT_A_NUMBER', `${input.key} does not hold a number`, { key: input.key });
  const value = old + by;
  const expiresAt =
    input.ttl === undefined ? (alive?.expires_at ?? null) : model.expiryOf(input.ttl, context.now);
  const content = encodeValue('value', value);
  const head = yield* items.write(context, current, {
    ...input,
    scope,
    content,
    encrypt: input.encrypt,
    expiresAt,
  });
  return { value, revision: head.revision };
}

export const incr = mutation({
  name: 'memory.incr',
  summary: 'Add to a number; a missing key counts from 0',
  input: z.strictObject(counterInput),
  output: counterOutput,
  access: 'write',
  route: 'POST /api/v1/memory/{namespace}/{key}/incr',
  positional: ['key', 'by'],
  run: (context, input) => add(context, input, input.by),
});

export const decr = mutation({
  name: 'memory.decr',
  summary: 'Subtract from a number; a missing key counts from 0',
  input: z.strictObject(counterInput),
  output: counterOutput,
  access: 'write',
  route: 'POST /api/v1/memory/{namespace}/{key}/decr',
  positional: ['key', 'by'],
  run: (context, input) => add(context, input, -input.by),
});

export const append = mutation({
  name: 'memory.append',
  summary: 'Append to a text; a missing key starts empty',
  input: z.strictObject({ ...model.address, ...model.writing, text: z.string().max(limits.valueBytes) }),
  output: z.object({ length: z.int(), revision: z.int() }),
  access: 'write',
  route: 'POST /api/v1/memory/{namespace}/{key}/append',
  positional: ['key', 'text'],
  *run(context, input) {
    const { scope, current } = yield* items.forWriting(context, input);
    const alive = current && items.isLive(current, context.now) ? current : undefined;
    const old: unknown = alive ? JSON.parse(yield* items.contentOf(context, alive)) : '';
    if (typeof old !== 'string')
      throw new RookeryError('NOT_A_NUMBER', `${input.key} does not hold a text`, { key: input.key });
    const value = old + input.text;
    const expiresAt =
      input.ttl === undefined ? (alive?.expires_at ?? null) : model.expiryOf(input.ttl, context.now);
    const content = encodeValue('text', value);
    const head = yield* items.write(context, current, {
      ...input,
      scope,
      content,
      encrypt: input.encrypt,
      expiresAt,
    });
    return { length: value.length, revision: head.revision };
  },
});

export const clear = mutation({
  name: 'memory.clear',
  summary: 'Delete all keys of a namespace at one audience',
  description: `Deletes at most ${limits.pageSize} keys a call; "more" says whether any are left.`,
  input: z.strictObject({
    namespace: model.namespace,
    level: schema.level.describe('Which audience to clear'),
    audience: model.address.audience,
  }),
  output: z.object({ deleted: z.int(), more: z.boolean() }),
  access: 'write',
  risk: 'medium',
  route: 'DELETE /api/v1/memory/{namespace}',
  positional: ['namespace'],
  *run(context, input) {
    const identity = yield* context.identity();
    const scope = scopeFor(identity, input.level, input.audience);
    yield* items.assertMay(context, identity, 'delete', input.namespace, '', scope);
    const rows = yield* liveItemsIn(
      context.project,
      input.namespace,
      scope,
      context.now,
      limits.pageSize + 1,
    );
    for (const row of rows.slice(0, limits.pageSize)) yield* items.remove(context, row);
    return { deleted: Math.min(rows.length, limits.pageSize), more: rows.length > limits.pageSize };
  },
});

export const history = query({
  name: 'memory.history',
  summary: 'Read the revisions of a key, newest first',
  description: `Keeps the last ${limits.historyRevisions} superseded revisions of each key.`,
  input: z.strictObject({
    ...model.address,
    level: model.writing.level,
    before: z.int().min(1).optional().describe('Revisions below this one'),
    limit: schema.limit,
  }),
  output: z.object({
    revisions: z.array(model.item.extend({ author: z.string(), deleted: z.boolean() })),
  }),
  access: 'read',
  route: 'GET /api/v1/memory/{namespace}/{key}/history',
  positional: ['key'],
  *run(context, input) {
    const identity = yield* context.identity();
    const { namespace, key, before = Number.MAX_SAFE_INTEGER } = input;
    const scope = scopeFor(identity, input.level, input.audience);
    const current = yield* itemIn(context.project, namespace, key, scope);
    const guarded = { scope, owner: current?.owner ?? '', path: `${namespace}/${key}` };
    if (!(yield* context.may(identity, 'read', 'memory', guarded))) {
      context.noteDenial(items.subjectOf(namespace, key, scope));
      return { revisions: [] };
    }
    if (!current) return { revisions: [] };
    const older = yield* revisionsBelow(
      context.project,
      namespace,
      key,
      scope,
      Math.min(before, current.revision),
      Number.MAX_SAFE_INTEGER,
      input.limit,
    );
    const rows = (current.revision < before ? [current, ...older] : older).slice(0, input.limit);
    const revisions = [];
    for (const row of rows) {
      const value: unknown = row.deleted ? null : JSON.parse(yield* items.contentOf(context, row));
      revisions.push({ ...items.headOf(row), value, author: row.author, deleted: row.deleted === 1 });
    }
    context.noteRead(items.subjectOf(namespace, key, scope));
    return { revisions };
  },
});

export const prune = mutation({
  name: 'memory.prune',
  summary: 'Tidy away items whose time to live is over',
  description: 'Expired items are unreadable anyway; this frees their space. A server does it by itself.',
  input: z.strictObject({ limit: schema.limit }),
  output: z.object({ pruned: z.int() }),
  access: 'admin',
  route: 'POST /api/v1/memory-prune',
  *run(context, input) {
    const rows = yield* expiredItems(context.project, context.now, input.limit);
    for (const row of rows) yield* items.remove(context, row);
    return { pruned: rows.length };
  },
});
