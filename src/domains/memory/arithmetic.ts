import { z } from 'zod';
import type { WriteContext } from '../../kernel/context.ts';
import { invalid, RookeryError } from '../../kernel/errors.ts';
import { encodeValue } from '../../kernel/json.ts';
import { limits } from '../../kernel/limits.ts';
import { mutation } from '../../kernel/operation.ts';
import type { Work } from '../../kernel/work.ts';
import * as items from './items.ts';
import * as model from './model.ts';

/** What is written over what is there: unless told otherwise, it lives as long and stays as encrypted as before. */
interface Rewrite extends items.Address {
  readonly level: NonNullable<items.Address['level']>;
  readonly ttl?: number | undefined;
  readonly initialTtl?: number | undefined;
  readonly encrypt?: boolean | undefined;
  readonly compress?: boolean | undefined;
  readonly type?: model.Type | undefined;
}

/**
 * Replaces the live value of a key by what `next` makes of it, undefined standing for a key that is not there. The answer
 * tells of what was there, so the caller must be able to read it.
 */
function* rewrite(
  context: WriteContext,
  input: Rewrite,
  next: (old: unknown) => { field: string; value: unknown },
): Work<{ revision: number }> {
  const { scope, current } = yield* items.forWriting(context, input);
  yield* items.assertMay(context, yield* context.identity(), 'read', input.namespace, input.key, scope);
  const alive = current && items.isLive(current, context.now) ? current : undefined;
  const old: unknown = alive && JSON.parse(yield* items.contentOf(context, alive));
  const { field, value } = next(old);
  const ttl = input.ttl ?? (alive ? undefined : input.initialTtl);
  return yield* items.write(context, current, {
    namespace: input.namespace,
    key: input.key,
    scope,
    content: encodeValue(field, value),
    encrypt: input.encrypt ?? items.staysEncrypted(alive),
    compress: input.compress,
    type: input.type,
    expiresAt: ttl === undefined ? (alive?.expires_at ?? null) : model.expiryOf(ttl, context.now),
  });
}

const rewriting = {
  ...model.address,
  ...model.writing,
  initialTtl: model.ttl
    .optional()
    .describe('Seconds to live of a key that was not there, where "ttl" says nothing; 0 for ever'),
};

const counterInput = {
  ...rewriting,
  by: z.number('a number').default(1).describe('By how much'),
};
const counterOutput = z.object({ value: z.number(), revision: z.int() });

function* add(
  context: WriteContext,
  input: z.output<z.ZodObject<typeof counterInput>>,
  by: number,
): Work<z.output<typeof counterOutput>> {
  let value = by;
  const { revision } = yield* rewrite(context, input, (old = 0) => {
    if (typeof old !== 'number') {
      throw new RookeryError('NOT_A_NUMBER', `${input.key} does not hold a number`, { key: input.key });
    }
    value = old + by;
    assertExact(old, by, value);
    return { field: 'by', value };
  });
  return { value, revision };
}

/** Whole numbers add up exactly or not at all: beyond 2^53 an addition could vanish. */
function assertExact(old: number, by: number, sum: number): void {
  if (Number.isInteger(old) && Number.isInteger(by) && !Number.isSafeInteger(sum)) {
    throw invalid('by', 'a result of at most 2^53 - 1 either side of zero');
  }
}

export const incr = mutation({
  name: 'memory.incr',
  summary: 'Add to a number; a missing key counts from 0',
  description: 'Needs the right to read what it changes.',
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
  description: 'Needs the right to read what it changes.',
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
  description: 'Needs the right to read what it changes.',
  input: z.strictObject({
    ...rewriting,
    text: z.string('text').max(limits.valueBytes, `at most ${limits.valueBytes} characters`),
  }),
  output: z.object({ length: z.int(), revision: z.int() }),
  access: 'write',
  route: 'POST /api/v1/memory/{namespace}/{key}/append',
  positional: ['key', 'text'],
  *run(context, input) {
    let length = 0;
    const { revision } = yield* rewrite(context, input, (old = '') => {
      if (typeof old !== 'string') {
        throw new RookeryError('NOT_A_NUMBER', `${input.key} does not hold a text`, { key: input.key });
      }
      length = old.length + input.text.length;
      return { field: 'text', value: old + input.text };
    });
    return { length, revision };
  },
});
