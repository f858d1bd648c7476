import { z } from 'zod';
import { isoTime } from '../../kernel/clock.ts';
import { invalid } from '../../kernel/errors.ts';
import { limits } from '../../kernel/limits.ts';
import { mutation, query } from '../../kernel/operation.ts';
import * as schema from '../../kernel/schema.ts';
import { acquire as acquireLease } from './acquisition.ts';
import { adopt } from './adoption.ts';
import { brokenFence, reasons } from './fences.ts';
import { forceReleaseLease, releaseLease, renewLease } from './holding.ts';
import { leaseOf, subjectOf as leaseSubject, rowsOf, turnover } from './leases.ts';
import { leasePage, leasesOn, readClock, waiterOf } from './listing.ts';
import * as model from './model.ts';
import { topicOf } from './queue/ends.ts';
import { handOver } from './queue/handover.ts';
import { queueAfter } from './queue/statements.ts';
import { cancelWaiter, failureOf, giveUp, look } from './queue/waiting.ts';
import { dropLease, endedBefore } from './statements.ts';
import { sweep } from './sweep.ts';

export { endLeasesOf, leasesOf } from './agents.ts';
export { assertFence } from './fences.ts';
export { waitsNow } from './queue/pairs.ts';
export { heldLocks, retake, type Standing, standingOn } from './restoring.ts';

export const acquire = mutation({
  name: 'locks.acquire',
  summary: 'Lease files, patterns and names, all or none',
  description:
    'Throws LOCK_HELD with who holds what until when, unless it may wait. Asking for a set that the caller holds renews its lease.',
  input: model.acquireInput,
  output: model.acquired,
  access: 'write',
  route: 'POST /api/v1/leases',
  positional: ['paths'],
  run: acquireLease,
  wait: {
    timeoutMs: ({ waitMs }) => waitMs,
    topics: (_, agent) => [topicOf(agent)],
    begins: true,
    pending: (_, { state, dueAt, now }) =>
      state === 'waiting' ? { dueInMs: dueAt === null ? undefined : Math.max(1, dueAt - now) } : undefined,
    poll: (context, _, output) => look(context, output),
    giveUp: (context, _, output, reason) => giveUp(context, output, reason),
    failure: (_, output) => failureOf(output),
  },
});

export const renew = mutation({
  name: 'locks.renew',
  summary: 'Give a lease its time again',
  description: 'Throws LEASE_LOST once it is over, even if nobody took it: acquire again for a new token.',
  input: z.strictObject({ lease: model.leaseId, token: model.token.optional(), ttlMs: model.ttlMs }),
  output: z.object({ lease: model.lease }),
  access: 'write',
  route: 'POST /api/v1/leases/{lease}/renew',
  positional: ['lease'],
  *run(context, input) {
    return { lease: yield* renewLease(context, input) };
  },
});

export const release = mutation({
  name: 'locks.release',
  summary: 'End a lease; whoever waits for it has it in the same moment',
  description: 'Throws LEASE_LOST when it ran out or was taken away. Releasing it twice is fine.',
  input: z.strictObject({ lease: model.leaseId }),
  output: z.object({ lease: model.lease }),
  access: 'write',
  route: 'POST /api/v1/leases/{lease}/release',
  positional: ['lease'],
  *run(context, { lease }) {
    return { lease: yield* releaseLease(context, lease) };
  },
});

export const forceRelease = mutation({
  name: 'locks.forceRelease',
  summary: 'Take a lease away from its holder',
  description: 'What the holder still does under it is refused where its token is asked for, and only there.',
  input: z.strictObject({
    lease: model.leaseId,
    reason: schema.name.describe('Why; kept with the lease'),
  }),
  output: z.object({ lease: model.lease }),
  access: 'admin',
  risk: 'high',
  route: 'POST /api/v1/leases/{lease}/force-release',
  positional: ['lease', 'reason'],
  *run(context, { lease, reason }) {
    return { lease: yield* forceReleaseLease(context, lease, reason) };
  },
});

const adoptLease = mutation({
  name: 'locks.adopt',
  summary: 'Take over a lease that the caller holds in another system, with its id and times',
  description:
    'For imports. Released or expired if it is that, else in force until its old end under a new token.',
  input: z.strictObject({
    id: schema.name.describe('The id it has there'),
    path: z.string('text').describe('The file'),
    purpose: z.enum(model.purposes, `one of ${model.purposes.join(', ')}`).default('edit'),
    reservedAt: schema.timeText.describe('When it was granted there'),
    ttlMs: schema
      .millisecondsUpTo(limits.leaseMsMax)
      .nullable()
      .describe('Its time from then on; null for no end'),
    releasedAt: schema.timeText.optional().describe('When it was released there'),
    checksum: model.acquireInput.shape.checksum,
    metadata: model.acquireInput.shape.metadata,
  }),
  output: z.object({ lease: model.lease }),
  access: 'write',
  route: null,
  *run(context, input) {
    return { lease: yield* adopt(context, input) };
  },
});

export { adoptLease as adopt };

export const get = query({
  name: 'locks.get',
  summary: 'Read a lease, over or not, by its id or that of one of its resources',
  input: z.strictObject({ id: schema.name }),
  output: model.lease.nullable(),
  access: 'read',
  route: 'GET /api/v1/leases/{id}',
  positional: ['id'],
  *run(context, { id }) {
    const identity = yield* context.identity();
    if (identity.scopes.length === 0) return null;
    const rows = yield* rowsOf(context.project, id);
    return rows ? leaseOf(rows, yield* readClock(context)) : null;
  },
});

export const list = query({
  name: 'locks.list',
  summary: 'List leases, oldest first',
  description:
    'With a path: its own leases, and live ones on patterns that match it. Go on while there is a cursor: a page of history may hold fewer than asked for.',
  input: z.strictObject({
    path: model.pathText.optional().describe('Leases on this file'),
    holder: schema.agentId.optional().describe('Leases of this agent'),
    status: z
      .enum(['active', 'all'], 'one of active, all')
      .default('active')
      .describe('Those in force, or all there ever were'),
    limit: schema.limit,
    cursor: schema.cursor,
  }),
  output: z.object({ locks: z.array(model.lease), cursor: z.string().nullable() }),
  access: 'read',
  route: 'GET /api/v1/leases',
  positional: ['path'],
  *run(context, { path, holder = '', status, limit, cursor }) {
    const identity = yield* context.identity();
    if (identity.scopes.length === 0) return { locks: [], cursor: null };
    const page = { after: cursor, limit };
    const filter = { holder, active: status === 'active' };
    if (path === undefined) return yield* leasePage(context, filter, page);
    return yield* leasesOn(context, path, filter, page);
  },
});

export const check = query({
  name: 'locks.check',
  summary: 'Tell whether a lease is in force under a token',
  description:
    'For guards outside the store. A mutation that takes a fence asks in its own transaction instead.',
  input: model.fence,
  output: z.object({ valid: z.boolean(), reason: z.enum(reasons).nullable() }),
  access: 'read',
  route: 'GET /api/v1/leases/{lease}/check',
  positional: ['lease', 'token'],
  *run(context, fence) {
    const identity = yield* context.identity();
    if (identity.scopes.length === 0) return { valid: false, reason: 'unknown' as const };
    const reason = yield* brokenFence(context, yield* readClock(context), fence);
    return { valid: reason === undefined, reason: reason ?? null };
  },
});

export const releaseExpired = mutation({
  name: 'locks.releaseExpired',
  summary: 'Mark leases that ran out, and end waits whose time is over',
  description:
    'Tidies a page; "more" says whether to call again. Nothing depends on it: expiry is decided where leases are taken.',
  input: z.strictObject({}),
  output: z.object({ released: z.int(), more: z.boolean() }),
  access: 'write',
  route: 'POST /api/v1/leases-expire',
  *run(context) {
    yield* context.identity();
    const over = turnover();
    const { rows, more } = yield* sweep(context, over);
    yield* handOver(context, over);
    return { released: rows, more };
  },
});

export const waiters = query({
  name: 'locks.waiters',
  summary: 'List who waits for leases, in the order in which they are served',
  input: z.strictObject({
    agent: schema.agentId.optional().describe('Waiters of this agent'),
    limit: schema.limit,
    cursor: schema.cursor,
  }),
  output: z.object({ waiters: z.array(model.waiter), cursor: z.string().nullable() }),
  access: 'read',
  route: 'GET /api/v1/lease-waiters',
  positional: ['agent'],
  *run(context, { agent = '', limit, cursor }) {
    const identity = yield* context.identity();
    if (identity.scopes.length === 0) return { waiters: [], cursor: null };
    const rows = yield* queueAfter(context.project, agent, placeFrom(cursor), limit + 1);
    const last = rows[limit - 1];
    return {
      waiters: rows.slice(0, limit).map(waiterOf),
      cursor: last && rows.length > limit ? `${last.tier}.${last.position}` : null,
    };
  },
});

/** A place in the queue, as the cursor of a page says it. */
function placeFrom(cursor: string): { tier: number; position: number } {
  if (cursor === '') return { tier: -1, position: 0 };
  const [, tier, position] = /^(\d{1,2})\.(\d{1,15})$/.exec(cursor) ?? [];
  if (tier === undefined) throw invalid('cursor', 'a cursor as it was answered');
  return { tier: Number(tier), position: Number(position) };
}

export const cancel = mutation({
  name: 'locks.cancel',
  summary: 'End an own wait that is not needed any more',
  input: z.strictObject({ waiter: schema.name }),
  output: z.object({ cancelled: z.boolean() }),
  access: 'write',
  route: 'POST /api/v1/lease-waiters/{waiter}/cancel',
  positional: ['waiter'],
  *run(context, { waiter }) {
    yield* context.identity();
    return { cancelled: yield* cancelWaiter(context, waiter) };
  },
});

export const prune = mutation({
  name: 'locks.prune',
  summary: 'Forget leases that ended long ago',
  description: 'Their ledger entries stay. Forgets a page; "more" says whether to call again.',
  input: z.strictObject({
    olderThanMs: schema.olderThanMs(30),
    limit: schema.limit,
  }),
  output: schema.pruned,
  access: 'admin',
  route: 'POST /api/v1/leases-prune',
  *run(context, { olderThanMs, limit }) {
    const before = isoTime(Math.max(0, context.now - olderThanMs));
    const firsts = yield* endedBefore(context.project, before, limit);
    for (const first of firsts) {
      yield* context.record(leaseSubject(first.id), { revision: [1, 2], facts: { deleted: 1 } });
      yield* dropLease(context.project, first);
    }
    return { pruned: firsts.length, more: firsts.length === limit };
  },
});
