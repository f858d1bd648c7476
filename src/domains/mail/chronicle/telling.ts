import { z } from 'zod';
import { mutation } from '../../../kernel/operation.ts';
import * as schema from '../../../kernel/schema.ts';
import * as model from './model.ts';
import { recordEvent } from './recording.ts';

/** Stream types of seed 002 that are no mailboxes. */
const types = ['specialist', 'ctk', 'sortie', 'mission', 'checkpoint', 'fleet', 'system'] as const;

/**
 * Appends an event to the stream of a thing from outside. It is no operation of the table, because these streams are
 * what operations tell: only who holds the file, through the module of seed 002, may add to them.
 */
export const tellEvent = mutation({
  name: 'mail.record',
  summary: 'Append an event to a stream that is no mailbox',
  input: z.strictObject({
    streamType: z.enum(types, `one of ${types.join(', ')}`),
    streamId: model.streamId,
    type: schema.name,
    data: schema.json,
    causationId: schema.name.optional(),
    correlationId: schema.name.optional(),
    metadata: schema.metadata,
  }),
  output: z.object({ id: z.string(), sequence: z.int() }),
  access: 'write',
  route: null,
  *run(context, event) {
    yield* context.identity();
    return yield* recordEvent(context, event);
  },
});
