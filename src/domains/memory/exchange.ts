import { z } from 'zod';
import { encodeValue } from '../../kernel/json.ts';
import { mutation } from '../../kernel/operation.ts';
import * as schema from '../../kernel/schema.ts';
import * as items from './items.ts';
import * as model from './model.ts';

export const getset = mutation({
  name: 'memory.getset',
  summary: 'Replace the value of a key and answer the one it had',
  description: 'Null for a key that was not there. Needs the right to read what it replaces.',
  input: z.strictObject({
    ...model.address,
    value: schema.json.describe('Any JSON value'),
    ...model.writing,
  }),
  output: z.object({ value: z.unknown(), existed: z.boolean(), revision: z.int() }),
  access: 'write',
  route: 'POST /api/v1/memory/{namespace}/{key}/getset',
  positional: ['key', 'value'],
  *run(context, input) {
    const { namespace, key } = input;
    const content = encodeValue('value', input.value);
    const { scope, current } = yield* items.forWriting(context, input);
    yield* items.assertMay(context, yield* context.identity(), 'read', namespace, key, scope);
    const alive = current && items.isLive(current, context.now) ? current : undefined;
    const before: unknown = alive ? JSON.parse(yield* items.contentOf(context, alive)) : null;
    const expiresAt = model.expiryOf(input.ttl, context.now);
    const { revision } = yield* items.write(context, current, { ...input, scope, content, expiresAt });
    return { value: before, existed: alive !== undefined, revision };
  },
});

export const getdel = mutation({
  name: 'memory.getdel',
  summary: 'Delete a key and answer the value it had',
  description:
    'Without a level, the nearest one that the agent can see. Null for what is absent or forbidden.',
  input: z.strictObject({ ...model.address, expectedRevision: model.expectedRevision }),
  output: model.item.nullable(),
  access: 'write',
  route: 'POST /api/v1/memory/{namespace}/{key}/getdel',
  positional: ['key'],
  *run(context, input) {
    // First of all: an agent that comes into being with this call sees what the project holds, too.
    const identity = yield* context.identity();
    const row = yield* items.find(context, input);
    items.assertRevision(input.expectedRevision, row, context.now);
    if (!row) return null;
    yield* items.assertMay(context, identity, 'delete', row.namespace, row.key, row.scope);
    const item = yield* items.read(context, row);
    yield* items.remove(context, row);
    return item;
  },
});
