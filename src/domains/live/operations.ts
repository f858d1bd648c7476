import { z } from 'zod';
import { progressOf } from '../../kernel/live/relay/statements.ts';
import { query } from '../../kernel/operation.ts';

/**
 * Words. The *live copy* is what Redis has of a project: a feed of its ledger, hot keys and messages. The *position* is
 * the ledger entry up to which it has everything; the *lag* is how many entries it does not have yet.
 */
export const status = query({
  name: 'live.status',
  summary: 'Tell how far the live copy in Redis has come',
  description:
    'The state is that of the process that answers: "off" where it does not relay, which another one may do all the same.',
  input: z.strictObject({}),
  output: z.object({
    state: z.enum(['off', 'connecting', 'connected', 'away', 'closed']),
    endpoint: z.string().nullable(),
    position: z.int().nullable(),
    storedPosition: z.int().nullable(),
    head: z.int(),
    lag: z.int().nullable(),
    filling: z.boolean(),
    feedOf: z.string().nullable(),
    refused: z.int(),
    lastError: z.string().nullable(),
  }),
  access: 'read',
  route: 'GET /api/v1/live',
  *run(context) {
    const { size: head = 0, position: stored = null } = (yield* progressOf(context.project)) ?? {};
    const lagBehind = (position: number | null) => (position === null ? null : Math.max(0, head - position));
    const live = context.live;
    if (live) return { ...live, head, storedPosition: stored, lag: lagBehind(live.position) };
    return {
      state: 'off' as const,
      endpoint: null,
      position: null,
      storedPosition: stored,
      head,
      lag: lagBehind(stored),
      filling: false,
      feedOf: null,
      refused: 0,
      lastError: null,
    };
  },
});
