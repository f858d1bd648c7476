import { z } from 'zod';
import type { WriteContext } from '../../kernel/context.ts';
import { RookeryError } from '../../kernel/errors.ts';
import { encodeValue } from '../../kernel/json.ts';
import { limits } from '../../kernel/limits.ts';
import { mutation } from '../../kernel/operation.ts';
import type { Work } from '../../kernel/work.ts';
import * as items from './items.ts';
import * as model from './model.ts';

const counterInput = {
  ...model.address,
  ...model.writing,
  by: z.number().default(1).describe('By how much'),
};
const counterOutput = z.object({ value: z.number(), revision: z.int() });

function* add(
  context: WriteContext,
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
