import { z } from 'zod';
import { mutation } from '../../kernel/operation.ts';
import * as schema from '../../kernel/schema.ts';
import { tellConflict } from './chronicle.ts';
import { pathText } from './model.ts';

/**
 * Tells the stream of a path of a request that was refused: by itself, because a refused call leaves nothing behind. It
 * is no operation of the table: only a door that has seen the refusal says so.
 */
export const noteConflict = mutation({
  name: 'locks.noteConflict',
  summary: 'Tell the event stream of a path that a lock on it was refused',
  input: z.strictObject({
    path: pathText.describe('In its one spelling'),
    file: pathText.describe('As it was asked for'),
    type: z.enum(['concurrent_edit', 'stale_lock', 'checksum_mismatch']),
    holder: schema.agentId,
    lock: schema.name.optional(),
  }),
  output: z.object({}),
  access: 'write',
  route: null,
  *run(context, { path, file, type, holder, lock }) {
    yield* context.identity();
    yield* tellConflict(context, { path, file, by: context.agent, type, holder, lock });
    return {};
  },
});
