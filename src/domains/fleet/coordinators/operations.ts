import { z } from 'zod';
import { scopes } from '../../../kernel/access/model.ts';
import { agentById } from '../../../kernel/access/statements.ts';
import { Denial, type WriteContext } from '../../../kernel/context.ts';
import { invalid, notFound, RookeryError } from '../../../kernel/errors.ts';
import { mutation, query } from '../../../kernel/operation.ts';
import * as schema from '../../../kernel/schema.ts';
import type { Work } from '../../../kernel/work.ts';
import { adoptSignalsOf } from '../../signals/operations.ts';
import { encodeMetadata } from '../model.ts';
import { activeReader, isAdministrator } from '../registration/registry.ts';
import { leads } from '../rights/roles.ts';
import * as model from './model.ts';
import {
  assertHolds,
  coordinatorSubject,
  coordinatorsTopic,
  establish,
  heldPost,
  ownPost,
  transition,
  write,
} from './posts.ts';
import {
  type CoordinatorRow,
  coordinatorById,
  coordinatorsAfter,
  dropCoordinator,
  postsOf,
  type WorkRow,
  workAfter,
} from './statements.ts';
import * as watch from './watch.ts';
import { assignWork, finishWork, forgetWork, moveWork } from './work.ts';

const iteration = z.int('a whole number').min(0, 'at least 0').default(0).describe('Iteration it is in');
const token = z
  .int('a whole number')
  .min(0, 'at least 0')
  .optional()
  .describe('The token the caller believes to hold; FENCED when it is no longer current');
const id = model.coordinatorId;
/** Characters of five random bits in the id of a successor, behind the time as seed 000 has it. */
const successorRandom = 16;

export const heartbeat = mutation({
  name: 'coordinators.heartbeat',
  summary: 'Say that a coordinator is there',
  description:
    'The first one registers it for the caller. Takes back all warnings, and brings one that was taken for dead back to life unless it was replaced: then FENCED. Leaves a ledger entry only when it changes the state.',
  input: z.strictObject({
    id,
    iteration,
    sequence: model.sequence.optional().describe('Number of this heartbeat; the next one when left out'),
    phase: schema.name.optional(),
    metadata: schema.metadata
      .optional()
      .describe('What monitors may want to know, for example agent count and status'),
    token,
  }),
  output: model.coordinator.extend({
    recovered: z.object({ previousWarnings: z.int() }).nullable(),
    violation: model.violation.nullable().describe('Heartbeats were lost on the way'),
  }),
  access: 'write',
  route: 'POST /api/v1/coordinators/{id}/heartbeat',
  positional: ['id', 'iteration'],
  *run(context, input) {
    const row = yield* ownPost(context, input.id, input.token);
    const violation = model.gapIn(row.sequence, input.sequence);
    const seen: Partial<CoordinatorRow> = {
      sequence: Math.max(row.sequence, input.sequence ?? row.sequence + 1),
      iteration: input.iteration,
      phase: input.phase ?? row.phase,
      metadata: input.metadata ? encodeMetadata(input.metadata) : row.metadata,
      last_heartbeat: context.now,
    };
    const previousWarnings = row.warnings;
    if (row.status === 'active' && previousWarnings === 0) {
      const next = { ...row, ...seen };
      yield* write(context, row, next);
      return { ...model.viewOf(next), recovered: null, violation };
    }
    const next = yield* recover(context, row, seen);
    return { ...model.viewOf(next), recovered: { previousWarnings }, violation };
  },
});

function* recover(
  context: WriteContext,
  row: CoordinatorRow,
  seen: Partial<CoordinatorRow>,
): Work<CoordinatorRow> {
  const alive = {
    ...seen,
    status: 'active',
    warnings: 0,
    warned_at: null,
    recovered_from: Math.max(row.warnings, row.recovered_from),
    died_at: null,
    death_reason: null,
  };
  const change = { operation: 'coordinators.recover', action: 'coordinator_recovered' };
  return yield* transition(context, row, alive, change);
}

export const activity = mutation({
  name: 'coordinators.activity',
  summary: 'Say that a coordinator gets on',
  description: 'Ends a timeout. Leaves a ledger entry only when it does.',
  input: z.strictObject({ id, iteration, phase: schema.name.optional(), token }),
  output: model.coordinator,
  access: 'write',
  route: 'POST /api/v1/coordinators/{id}/activity',
  positional: ['id', 'iteration', 'phase'],
  *run(context, input) {
    const row = yield* ownPost(context, input.id, input.token);
    const done = {
      last_activity: context.now,
      iteration: input.iteration,
      phase: input.phase ?? row.phase,
      timed_out_at: null,
    };
    if (row.timed_out_at !== null) {
      const change = { operation: 'coordinators.recover', action: 'coordinator_active' };
      return model.viewOf(yield* transition(context, row, done, change));
    }
    yield* write(context, row, { ...row, ...done });
    return model.viewOf({ ...row, ...done });
  },
});

export const get = query({
  name: 'coordinators.get',
  summary: 'Read one coordinator, with its health',
  input: z.strictObject({ id }),
  output: model.coordinator.nullable(),
  access: 'read',
  route: 'GET /api/v1/coordinators/{id}',
  positional: ['id'],
  *run(context, input) {
    yield* activeReader(context);
    const row = yield* coordinatorById(context.project, input.id);
    return row ? model.viewOf(row) : null;
  },
});

export const list = query({
  name: 'coordinators.list',
  summary: 'List all coordinators by id, those included that nobody has heard of for long',
  input: z.strictObject({
    status: z.enum(model.statuses, `one of ${model.statuses.join(', ')}`).optional(),
    swarm: schema.id.optional(),
    limit: schema.limit,
    cursor: schema.cursor,
  }),
  output: z.object({ coordinators: z.array(model.coordinator), nextCursor: z.string().nullable() }),
  access: 'read',
  route: 'GET /api/v1/coordinators',
  *run(context, { status = '', swarm = '', limit, cursor }) {
    yield* activeReader(context);
    const rows = yield* coordinatorsAfter(context.project, cursor, { status, swarm }, limit + 1);
    const page = rows.slice(0, limit);
    return {
      coordinators: page.map(model.viewOf),
      nextCursor: rows.length > limit ? page.at(-1)!.id : null,
    };
  },
});

export const check = mutation({
  name: 'coordinators.check',
  summary: 'Look for silent coordinators, warn, and tell deaths and recoveries',
  description:
    'Answers what this call has caused: each warning, death and recovery is in one answer only, however many monitors look at once. Who neither administers nor leads the swarm (role "system" or "coordinator") is held to the default thresholds where its own are stricter. Death comes staleMs + maxWarnings × intervalMs after the last heartbeat at the latest, if somebody looks every intervalMs.',
  input: model.thresholds,
  output: z.object({
    warnings: z.array(watch.warning),
    deaths: z.array(watch.death),
    recoveries: z.array(watch.recovery),
  }),
  access: 'write',
  route: 'POST /api/v1/coordinators-check',
  *run(context, input) {
    yield* context.identity();
    return yield* watch.findSilent(context, input);
  },
});

export const timeouts = mutation({
  name: 'coordinators.timeouts',
  summary: 'Look for coordinators that do nothing',
  description:
    'Each incident is in one answer only; the next one begins after the next activity. Thresholds as for coordinators.check.',
  input: z.strictObject({
    thresholdMs: model.timeoutThreshold.describe('Inactivity that is more than this is a timeout'),
  }),
  output: z.object({ incidents: z.array(watch.incident) }),
  access: 'write',
  route: 'POST /api/v1/coordinators-timeouts',
  *run(context, { thresholdMs }) {
    yield* context.identity();
    return { incidents: yield* watch.findIdle(context, thresholdMs) };
  },
});

export const markDead = mutation({
  name: 'coordinators.markDead',
  summary: 'Tell that a coordinator is dead',
  description:
    'For its holder, for those who lead its swarm and for administrators. "told" says whether this call was the first.',
  input: z.strictObject({ id, reason: schema.name.describe('Why') }),
  output: model.coordinator.extend({ told: z.boolean() }).nullable(),
  access: 'write',
  risk: 'high',
  route: 'POST /api/v1/coordinators/{id}/dead',
  positional: ['id', 'reason'],
  *run(context, input) {
    yield* context.identity();
    const row = yield* coordinatorById(context.project, input.id);
    if (!row) return null;
    if (!(yield* leads(context, row.swarm_id))) assertHolds(context, row);
    if (row.status !== 'active') return { ...model.viewOf(row), told: false };
    return { ...model.viewOf(yield* watch.bury(context, row, input.reason)), told: true };
  },
});

export const takeOver = mutation({
  name: 'coordinators.takeOver',
  summary: 'Succeed a coordinator that is dead or timed out, with all its open work',
  description:
    'One caller gets the new token; everybody else gets null, as when it lives or does not exist. For members of its swarm and administrators. What the former holder still writes is FENCED.',
  input: z.strictObject({
    id,
    swarm: schema.id.optional().describe('Swarm of the successor; the same when left out'),
    successor: id.optional().describe('Id of the successor; made up when left out'),
  }),
  output: z
    .object({
      successor: z.string(),
      token: z.int(),
      moved: z.int().describe('Pieces of work'),
      signals: z.int().describe('Open signals of the former holder, where it held no other post'),
      replaces: z.string(),
    })
    .nullable(),
  access: 'write',
  risk: 'high',
  route: 'POST /api/v1/coordinators/{id}/take-over',
  positional: ['id', 'successor'],
  *run(context, input) {
    const { scopes: own } = yield* context.identity();
    const row = yield* coordinatorById(context.project, input.id);
    if (!row || row.status === 'replaced' || (row.status === 'active' && row.timed_out_at === null))
      return null;
    const swarm = input.swarm ?? row.swarm_id;
    if (
      !isAdministrator(context) &&
      ![row.swarm_id, swarm].every((needed) => own.includes(scopes.swarm(needed)))
    )
      throw new Denial('FORBIDDEN', 'taking over is for members of the swarm', coordinatorSubject(row.id), {
        swarm,
      });
    const successor = input.successor ?? `coordinator-${context.now}-${context.randomText(successorRandom)}`;
    if (successor === row.id) throw invalid('successor', 'another id than that of the former coordinator');
    const heir = yield* install(context, successor, swarm, row.id);
    const change = {
      operation: 'coordinators.takeOver',
      action: 'coordinator_takeover',
      pointer: model.takeoverPointer({ id: row.id, successor, swarm }),
    };
    yield* transition(context, row, { status: 'replaced', successor, timed_out_at: null }, change);
    const moved = yield* moveWork(context, row.id, successor);
    // Signals belong to an agent: they follow the post of one that has no other.
    const follow = (yield* postsOf(context.project, row.agent_id))!.n === 0;
    const signals = follow ? yield* adoptSignalsOf(context, row.agent_id, heir.agent_id) : 0;
    return { successor, token: heir.fencing_token, moved, signals, replaces: row.id };
  },
});

/** The successor: a new post of the caller, or one that it holds already, in any case under a new token. */
function* install(context: WriteContext, id: string, swarm: string, replaces: string): Work<CoordinatorRow> {
  const change = { operation: 'coordinators.takeOver', action: 'coordinator_successor' };
  const present = yield* coordinatorById(context.project, id);
  if (!present) {
    const namesake = isAdministrator(context) ? yield* agentById(context.project, id) : undefined;
    const agent_id = namesake?.id ?? context.agent;
    return yield* establish(context, { id, agent_id, swarm_id: swarm, replaces }, change);
  }
  assertHolds(context, present);
  if (present.status !== 'active')
    throw new RookeryError('FENCED', `coordinator ${id} is ${present.status} itself`, { coordinator: id });
  const fencing_token = context.tx.nextToken();
  return yield* transition(context, present, { fencing_token, replaces }, change);
}

export const cleanup = mutation({
  name: 'coordinators.cleanup',
  summary: 'Forget a coordinator that is dead or replaced, and the work it left',
  description: 'Exactly the one with this id. For its holder, those who lead its swarm and administrators.',
  input: z.strictObject({
    id,
    replacedOnly: z
      .boolean()
      .default(false)
      .describe('Leave one that nobody has replaced yet: its work waits for a successor'),
  }),
  output: z.object({ removed: z.int() }),
  access: 'write',
  risk: 'medium',
  route: 'DELETE /api/v1/coordinators/{id}',
  positional: ['id'],
  *run(context, input) {
    yield* context.identity();
    const row = yield* coordinatorById(context.project, input.id);
    if (!row) return { removed: 0 };
    if (!(yield* leads(context, row.swarm_id))) assertHolds(context, row);
    if (input.replacedOnly && row.status !== 'replaced') return { removed: 0 };
    if (row.status === 'active')
      throw new RookeryError('REVISION_CONFLICT', `coordinator ${row.id} is active`, { id: row.id });
    const forgotten = yield* forgetWork(context, row.id);
    yield* dropCoordinator(context.project, row.id);
    yield* context.record(coordinatorSubject(row.id), { revision: [1, 2], facts: { deleted: 1 } });
    context.tx.touch(coordinatorsTopic);
    return { removed: 1 + forgotten };
  },
});

export const assign = mutation({
  name: 'coordinators.assign',
  summary: 'Keep a piece of open work of a coordinator',
  description: 'Again under the same name replaces it. It goes to the successor at a takeover.',
  input: z.strictObject({ ...model.workKey, payload: schema.json.describe('Any JSON value'), token }),
  output: model.work,
  access: 'write',
  route: 'PUT /api/v1/coordinators/{id}/work/{item}',
  positional: ['id', 'item', 'payload'],
  *run(context, input) {
    if (!(yield* heldPost(context, input.id, input.token))) throw notFound('coordinator');
    return workView(yield* assignWork(context, input.id, input.item, input.payload));
  },
});

export const finish = mutation({
  name: 'coordinators.finish',
  summary: 'Forget a piece of work that is done',
  input: z.strictObject({ ...model.workKey, token }),
  output: z.object({ finished: z.boolean() }),
  access: 'write',
  route: 'DELETE /api/v1/coordinators/{id}/work/{item}',
  positional: ['id', 'item'],
  *run(context, input) {
    if (!(yield* heldPost(context, input.id, input.token))) throw notFound('coordinator');
    return { finished: yield* finishWork(context, input.id, input.item) };
  },
});

export const work = query({
  name: 'coordinators.work',
  summary: 'List the open work of a coordinator, by name',
  description: 'For members of its swarm, its holder and administrators; nothing for anybody else.',
  input: z.strictObject({ id, limit: schema.limit, cursor: schema.cursor }),
  output: z.object({ work: z.array(model.work), nextCursor: z.string().nullable() }),
  access: 'read',
  route: 'GET /api/v1/coordinators/{id}/work',
  positional: ['id'],
  *run(context, { id: of, limit, cursor }) {
    const { scopes: own } = yield* activeReader(context);
    const post = yield* coordinatorById(context.project, of);
    if (!post) return { work: [], nextCursor: null };
    const mayRead =
      isAdministrator(context) ||
      post.agent_id === context.agent ||
      own.includes(scopes.swarm(post.swarm_id));
    if (!mayRead) {
      context.noteDenial(coordinatorSubject(of));
      return { work: [], nextCursor: null };
    }
    const rows = yield* workAfter(context.project, of, cursor, limit + 1);
    const page = rows.slice(0, limit);
    return { work: page.map(workView), nextCursor: rows.length > limit ? page.at(-1)!.item : null };
  },
});

function workView(row: WorkRow): z.output<typeof model.work> {
  return {
    item: row.item,
    status: row.status as 'open' | 'transferred',
    payload: JSON.parse(row.payload) as unknown,
    assignedTo: row.coordinator_id,
    transferredFrom: row.transferred_from,
    transferredAt: row.transferred_at,
    createdAt: row.created_at,
  };
}
