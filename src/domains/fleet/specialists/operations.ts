import { z } from 'zod';
import { agentSubject } from '../../../kernel/access/identity.ts';
import { scopes } from '../../../kernel/access/model.ts';
import { seeAgent } from '../../../kernel/access/statements.ts';
import { isoTime } from '../../../kernel/clock.ts';
import { Denial, type WriteContext } from '../../../kernel/context.ts';
import { mutation, query } from '../../../kernel/operation.ts';
import * as schema from '../../../kernel/schema.ts';
import type { Work } from '../../../kernel/work.ts';
import { endLeasesOf } from '../../locks/operations.ts';
import { recordEvent } from '../../mail/operations.ts';
import * as model from '../model.ts';
import { activeReader, isAdministrator, register as registerAgent } from '../registration/registry.ts';
import { putSpecialist, type SpecialistRow, specialistById, specialistsAfter } from './statements.ts';

/**
 * Specialists of seed 002: agents of the fleet with a status of their own. One that sent no heartbeat for 60 s is
 * `inactive`, computed when it is read; the next heartbeat brings back the status it had, `completed` stays.
 */
const inactiveAfterMs = 60_000;
const statuses = ['active', 'busy', 'idle', 'inactive', 'completed'] as const;
type Status = (typeof statuses)[number];
const status = z.enum(statuses, `one of ${statuses.join(', ')}`);

const specialist = z.object({
  id: z.string(),
  name: z.string(),
  status,
  capabilities: z.array(z.string()),
  registeredAt: z.string(),
  lastSeen: z.string(),
  currentSortie: z.string().nullable(),
  metadata: z.record(z.string(), z.unknown()),
});

export const register = mutation({
  name: 'specialists.register',
  summary: 'Register a specialist, which is an agent of the fleet from then on',
  input: z.strictObject({
    id: schema.agentId.optional().describe('Kept as sent; made up when left out'),
    name: schema.name,
    capabilities: model.capabilities.optional(),
    metadata: model.metadata.optional(),
  }),
  output: specialist,
  access: 'write',
  route: 'POST /api/v1/fleet/specialists',
  positional: ['name'],
  *run(context, { id: given, ...said }) {
    if (given !== undefined) assertMaySpeakFor(context, given);
    const id = given ?? context.newId('spec').replace('_', '-');
    const agent = yield* registerAgent(context, id, said);
    if (agent.status !== 'active')
      throw new Denial('FORBIDDEN', `agent ${id} is ${agent.status}`, agentSubject(id), {
        status: agent.status,
      });
    const known = yield* specialistById(context.project, id);
    const { name, capabilities, metadata } = said;
    const row = seenNow(context, {
      id,
      name,
      status: 'active',
      capabilities: capabilities ? JSON.stringify(capabilities) : (known?.capabilities ?? '[]'),
      registered_at: known?.registered_at ?? isoTime(context.now),
      current_sortie: known?.current_sortie ?? null,
      metadata: metadata ? model.encodeMetadata(metadata) : (known?.metadata ?? '{}'),
    });
    yield* putSpecialist(context.project, row);
    yield* context.record(subjectOf(id));
    yield* tell(context, known ? 'specialist_active' : 'specialist_registered', row);
    context.tx.touch(`specialists/${id}`);
    return viewAt(row, context.now);
  },
});

export const heartbeat = mutation({
  name: 'specialists.heartbeat',
  summary: 'Say that a specialist is alive, and what it does',
  description: 'Leaves a ledger entry when the status or the sortie changes, none otherwise.',
  input: z.strictObject({
    id: schema.agentId,
    status: status.exclude(['inactive']).optional(),
    currentSortie: schema.name.nullable().optional(),
  }),
  output: specialist.nullable(),
  access: 'write',
  route: 'POST /api/v1/fleet/specialists/{id}/heartbeat',
  positional: ['id'],
  *run(context, { id, status: newStatus, currentSortie }) {
    assertMaySpeakFor(context, id);
    const row = yield* specialistById(context.project, id);
    if (!row) return null;
    yield* context.identity();
    const next = seenNow(context, {
      ...row,
      status: newStatus ?? row.status,
      current_sortie: currentSortie === undefined ? row.current_sortie : currentSortie,
    });
    yield* putSpecialist(context.project, next);
    yield* seeAgent(context.project, id, context.now);
    if (next.status !== row.status || next.current_sortie !== row.current_sortie)
      yield* context.record(subjectOf(id));
    if (next.status !== row.status || viewAt(row, context.now).status === 'inactive')
      yield* tell(context, eventNames[next.status as Status], next);
    if (next.status === 'completed' && row.status !== 'completed')
      yield* endLeasesOf(context, id, { reason: 'the specialist completed', as: 'released' });
    context.tx.touch(`specialists/${id}`);
    return viewAt(next, context.now);
  },
});

export const get = query({
  name: 'specialists.get',
  summary: 'Read one specialist',
  input: z.strictObject({ id: schema.agentId }),
  output: specialist.nullable(),
  access: 'read',
  route: 'GET /api/v1/fleet/specialists/{id}',
  positional: ['id'],
  *run(context, { id }) {
    yield* activeReader(context);
    const row = yield* specialistById(context.project, id);
    return row ? viewAt(row, context.now) : null;
  },
});

export const list = query({
  name: 'specialists.list',
  summary: 'List specialists by id',
  input: z.strictObject({ status: status.optional(), limit: schema.limit, cursor: schema.cursor }),
  output: z.object({ specialists: z.array(specialist), nextCursor: z.string().nullable() }),
  access: 'read',
  route: 'GET /api/v1/fleet/specialists',
  *run(context, { status: wanted = '', limit, cursor }) {
    yield* activeReader(context);
    const filter = { status: wanted, silentSince: context.now - inactiveAfterMs };
    const rows = yield* specialistsAfter(context.project, cursor, filter, limit + 1);
    const page = rows.slice(0, limit);
    return {
      specialists: page.map((row) => viewAt(row, context.now)),
      nextCursor: rows.length > limit ? page.at(-1)!.id : null,
    };
  },
});

/** What a status is called in the stream of a specialist. */
const eventNames: Record<Status, string> = {
  active: 'specialist_active',
  busy: 'specialist_active',
  idle: 'specialist_active',
  inactive: 'specialist_active',
  completed: 'specialist_completed',
};

function* tell(context: WriteContext, type: string, row: SpecialistRow): Work<void> {
  const { id, name, status: now, current_sortie } = row;
  const data = { specialist_id: id, name, status: now, current_sortie };
  yield* recordEvent(context, { streamType: 'specialist', streamId: id, type, data });
}

/** A specialist took up a sortie, or laid it down. One that never registered has no record to note it in. */
export function* noteSortie(
  context: WriteContext,
  id: string,
  { sortie, on }: { readonly sortie: string; readonly on: boolean },
): Work<void> {
  const row = yield* specialistById(context.project, id);
  if (!row || (!on && row.current_sortie !== sortie)) return;
  yield* putSpecialist(context.project, { ...row, current_sortie: on ? sortie : null });
  yield* context.record(subjectOf(id));
  context.tx.touch(`specialists/${id}`);
}

/** The door of seed 002 speaks for all its specialists with the right act-as. */
function assertMaySpeakFor(context: WriteContext, id: string): void {
  if (id === context.agent || isAdministrator(context) || context.principal.rights.has('act-as')) return;
  throw new Denial('FORBIDDEN', 'speaking for another agent needs the right "act-as"', agentSubject(id), {
    agent: id,
    needs: 'act-as',
  });
}

function subjectOf(id: string) {
  return { kind: 'specialist', name: id, scope: scopes.project };
}

function seenNow(
  context: WriteContext,
  row: Omit<SpecialistRow, 'last_seen' | 'last_seen_ms'>,
): SpecialistRow {
  return { ...row, last_seen: isoTime(context.now), last_seen_ms: context.now };
}

function viewAt(row: SpecialistRow, now: number): z.output<typeof specialist> {
  const silent = row.status !== 'completed' && now - row.last_seen_ms >= inactiveAfterMs;
  return {
    id: row.id,
    name: row.name,
    status: silent ? 'inactive' : (row.status as Status),
    capabilities: JSON.parse(row.capabilities) as string[],
    registeredAt: row.registered_at,
    lastSeen: row.last_seen,
    currentSortie: row.current_sortie,
    metadata: JSON.parse(row.metadata) as Record<string, unknown>,
  };
}
