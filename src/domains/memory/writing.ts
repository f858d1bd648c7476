import { z } from 'zod';
import { scopeFor, scopes } from '../../kernel/access/model.ts';
import { Denial } from '../../kernel/denial.ts';
import { encodeValue } from '../../kernel/json.ts';
import { limits } from '../../kernel/limits.ts';
import { mutation } from '../../kernel/operation.ts';
import * as schema from '../../kernel/schema.ts';
import * as items from './items.ts';
import * as model from './model.ts';
import { expiredItems, liveItemsAnywhere, liveItemsIn } from './statements.ts';

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
      expiresAt,
      expected: input.expectedRevision !== undefined,
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
    // First of all: an agent that comes into being with this call sees what the project holds, too.
    const identity = yield* context.identity();
    const row = yield* items.find(context, input);
    items.assertRevision(input.expectedRevision, row, context.now);
    if (!row) return { deleted: false, revision: null };
    yield* items.assertMay(context, identity, 'delete', row.namespace, row.key, row.scope);
    return { deleted: true, revision: yield* items.remove(context, row) };
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
    for (const [i, { key, value, expectedRevision }] of entries.entries()) {
      const content = encodeValue(`entries.${i}.value`, value);
      const { scope, current } = yield* items.forWriting(context, { ...shared, key });
      items.assertRevision(expectedRevision, current, context.now, `entries.${i}.expectedRevision`);
      const expected = expectedRevision !== undefined;
      const writing = { ...shared, key, scope, content, expiresAt, expected };
      written.push(yield* items.write(context, current, writing));
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
      encrypt: items.staysEncrypted(current),
      expiresAt,
    });
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

export const purge = mutation({
  name: 'memory.purge',
  summary: 'Delete all keys of a namespace, or of all namespaces, at every audience',
  description: `For members of the system audience, who need not be able to read what they delete. Deletes at most ${limits.pageSize} keys a call; "more" says whether any are left.`,
  input: z.strictObject({ namespace: schema.name.optional().describe('All of them when left out') }),
  output: z.object({ deleted: z.int(), more: z.boolean() }),
  access: 'write',
  risk: 'high',
  route: 'POST /api/v1/memory-purge',
  positional: ['namespace'],
  *run(context, { namespace = '' }) {
    const identity = yield* context.identity();
    if (!identity.scopes.includes(scopes.system)) {
      const subject = items.subjectOf(namespace, '', scopes.system);
      throw new Denial('FORBIDDEN', 'deleting what belongs to others needs the system audience', subject);
    }
    const rows = yield* liveItemsAnywhere(context.project, namespace, context.now, limits.pageSize + 1);
    for (const row of rows.slice(0, limits.pageSize)) yield* items.remove(context, row);
    return { deleted: Math.min(rows.length, limits.pageSize), more: rows.length > limits.pageSize };
  },
});

export const prune = mutation({
  name: 'memory.prune',
  summary: 'Tidy away items whose time to live is over',
  description:
    'Expired items are unreadable anyway; this ends them for good, with a ledger entry each. A server does it by itself.',
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
