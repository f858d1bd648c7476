import { z } from 'zod';
import { agentSubject, createAgent, ensureGroup } from '../../../kernel/access/identity.ts';
import { changeMemberships } from '../../../kernel/access/membership.ts';
import { type RoleName, roleNames, scopes } from '../../../kernel/access/model.ts';
import {
  addRole,
  type RoleRow,
  revokeRole,
  roleOf,
  rolesAfter,
} from '../../../kernel/access/role-statements.ts';
import { type AgentRow, agentById } from '../../../kernel/access/statements.ts';
import { Denial, type ReadContext, type Subject, type WriteContext } from '../../../kernel/context.ts';
import { invalid } from '../../../kernel/errors.ts';
import { limits } from '../../../kernel/limits.ts';
import { mutation, query } from '../../../kernel/operation.ts';
import * as schema from '../../../kernel/schema.ts';
import type { Work } from '../../../kernel/work.ts';
import { activeReader, isAdministrator } from '../registration/registry.ts';

/**
 * Words. A *role* is what an agent was appointed to in one swarm: `system` and `product-owner` belong to the system
 * audience of the project, `member` to the audience of that swarm beside the agent's own; `coordinator` appoints
 * others, `validator` may read the private confidences of its swarm, and neither belongs to an audience by that.
 *
 * States of a role: in force → (expired | revoked), both final; appointing again makes a new one. One that is in force
 * counts while its agent is active and sleeps otherwise. It outlives the appointment of who gave it.
 *
 * Who may give and take: an administrator, and in their own swarm the roles `system` and `coordinator`. Nobody appoints
 * itself but an administrator, who could as well make a token that does it. Everybody may give up its own role.
 */
export const roleName = z.enum(roleNames, `one of ${roleNames.join(', ')}`);

const role = z.object({
  id: z.string(),
  agent: z.string(),
  role: roleName,
  swarm: z.string(),
  grantedBy: z.string(),
  reason: z.string(),
  grantedAt: z.int(),
  expiresAt: z.int().nullable(),
  revokedAt: z.int().nullable(),
});
type Role = z.output<typeof role>;

const swarm = schema.id
  .optional()
  .describe('In which swarm; when left out that of the view, else the own one of the agent');

export const grant = mutation({
  name: 'roles.grant',
  summary: 'Appoint an agent to a role in a swarm',
  description:
    'For administrators, and in their own swarm for the roles "system" and "coordinator"; nobody but an administrator appoints itself. An agent that does not exist yet is made, in that swarm. A role that is in force gets the new time.',
  input: z.strictObject({
    agent: schema.id.describe('Who is appointed'),
    role: roleName,
    swarm,
    ttl: schema.ttl,
    expiresAt: schema.expiresAt,
    reason: z.string('text').max(limits.nameLength).default('').describe('Why, for who reads the list'),
  }),
  output: role,
  access: 'write',
  risk: 'high',
  route: 'POST /api/v1/roles',
  positional: ['agent', 'role'],
  *run(context, input) {
    yield* context.identity();
    const expiresAt = endOf(context, input);
    const where = yield* swarmOf(context, input);
    yield* assertMayAppoint(context, { ...input, swarm: where });
    const agent = yield* appointee(context, input.agent, where);
    const held = yield* roleOf(context.project, agent.id, input.role, where, context.now);
    if (held?.expires_at === expiresAt) return roleView(held);
    if (held) yield* end(context, held);
    const added = yield* add(context, {
      agent_id: agent.id,
      role: input.role,
      swarm_id: where,
      reason: input.reason,
      expires_at: expiresAt,
    });
    yield* changeMemberships(context, agent);
    return roleView(added);
  },
});

export const revoke = mutation({
  name: 'roles.revoke',
  summary: 'Take a role from an agent at once',
  description: 'For whoever may give it, and for its holder. Null where it is not in force.',
  input: z.strictObject({ agent: schema.id, role: roleName, swarm }),
  output: role.nullable(),
  access: 'write',
  risk: 'medium',
  route: 'DELETE /api/v1/roles/{agent}/{role}',
  positional: ['agent', 'role'],
  *run(context, input) {
    yield* context.identity();
    const where = yield* swarmOf(context, input);
    if (input.agent !== context.agent) yield* assertMayAppoint(context, { ...input, swarm: where });
    const held = yield* roleOf(context.project, input.agent, input.role, where, context.now);
    if (!held) return null;
    const ended = yield* end(context, held);
    yield* changeMemberships(context, (yield* agentById(context.project, input.agent))!);
    return roleView(ended);
  },
});

export const list = query({
  name: 'roles.list',
  summary: 'List roles, in the order they were given',
  description:
    'Those of the caller, those it gave and those of its swarms; an administrator sees all of the project.',
  input: z.strictObject({
    agent: schema.id.optional().describe('Whose roles'),
    swarm: schema.id.optional().describe('In which swarm'),
    ended: z.boolean().default(false).describe('Also those that have expired or were revoked'),
    limit: schema.limit,
    cursor: schema.cursor,
  }),
  output: z.object({ roles: z.array(role), nextCursor: z.string().nullable() }),
  access: 'read',
  route: 'GET /api/v1/roles',
  *run(context, { agent = '', swarm: where = '', ended, limit, cursor }) {
    yield* activeReader(context);
    const reader = {
      agent: context.agent,
      administrator: isAdministrator(context),
      now: context.now,
    };
    const filter = { agent, swarm: where, ended, reader };
    const rows = yield* rolesAfter(context.project, cursor, filter, limit + 1);
    const page = rows.slice(0, limit);
    return { roles: page.map(roleView), nextCursor: rows.length > limit ? page.at(-1)!.id : null };
  },
});

/**
 * The role of an agent that is active, in force by the store clock; undefined where it holds none. Roles are not ranked:
 * none implies another.
 */
export function* roleInForce(
  { project, now }: ReadContext,
  agent: string,
  wanted: RoleName,
  where: string,
): Work<Role | undefined> {
  const held = yield* roleOf(project, agent, wanted, where, now);
  if (!held) return undefined;
  return (yield* agentById(project, agent))?.status === 'active' ? roleView(held) : undefined;
}

/** Whether the caller is appointed to look after a swarm. */
export function* leads(context: ReadContext, where: string): Work<boolean> {
  for (const needed of ['coordinator', 'system'] as const)
    if (yield* roleInForce(context, context.agent, needed, where)) return true;
  return false;
}

/** When what is given ends; null: when it is taken back. */
export function endOf(
  { now }: WriteContext,
  { ttl, expiresAt }: { ttl?: number | undefined; expiresAt?: number | undefined },
): number | null {
  if (ttl !== undefined && expiresAt !== undefined)
    throw invalid('expiresAt', 'leave it out where there is a ttl');
  if (ttl !== undefined) return now + ttl * 1000;
  if (expiresAt === undefined) return null;
  const latest = now + limits.ttlSecondsMax * 1000;
  if (expiresAt <= now || expiresAt > latest)
    throw invalid('expiresAt', `a time from ${now + 1} to ${latest}, in milliseconds`);
  return expiresAt;
}

function* swarmOf(
  context: WriteContext,
  { agent, swarm: named }: { agent: string; swarm?: string | undefined },
): Work<string> {
  const where = named ?? context.principal.swarm ?? (yield* agentById(context.project, agent))?.swarm_id;
  if (where === undefined) throw invalid('swarm', 'required for an agent that does not exist yet');
  return where;
}

interface Appointment {
  readonly agent: string;
  readonly role: RoleName;
  readonly swarm: string;
}

function* assertMayAppoint(context: WriteContext, appointment: Appointment): Work<void> {
  if (isAdministrator(context)) return;
  const { agent, role: wanted, swarm: where } = appointment;
  const refuse = (why: string) =>
    new Denial('FORBIDDEN', why, agentSubject(agent), { agent, role: wanted, swarm: where });
  if (agent === context.agent) throw refuse('nobody appoints itself');
  if (yield* leads(context, where)) return;
  throw refuse(
    `appointing in swarm ${where} needs the role "system" or "coordinator" there, or the right "admin"`,
  );
}

/** The agent to appoint, made where it is missing. */
function* appointee(context: WriteContext, id: string, where: string): Work<AgentRow> {
  const known = yield* agentById(context.project, id);
  yield* ensureGroup(context.tx, 'swarms', where);
  if (known) return known;
  yield* createAgent(context.tx, context.keyring, context.principal, { id, swarm: where });
  return (yield* agentById(context.project, id))!;
}

function* add(
  context: WriteContext,
  given: Pick<RoleRow, 'agent_id' | 'role' | 'swarm_id' | 'reason' | 'expires_at'>,
): Work<RoleRow> {
  const row: RoleRow = {
    ...given,
    id: context.newId('role'),
    granted_by: context.agent,
    granted_at: context.now,
    revoked_at: null,
    revoked_by: null,
    seq: 0,
  };
  row.seq = yield* record(context, row, 'roles.grant');
  yield* addRole(context.project, row);
  return row;
}

function* end(context: WriteContext, held: RoleRow): Work<RoleRow> {
  const row: RoleRow = { ...held, revoked_at: context.now, revoked_by: context.agent };
  row.seq = yield* record(context, row, 'roles.revoke');
  if ((yield* revokeRole(context.project, row)) !== 1) throw new Error(`role ${row.id} ended meanwhile`);
  return row;
}

function* record(context: WriteContext, row: RoleRow, operation: string): Work<number> {
  context.tx.touch('roles');
  context.tx.touch(`fleet/${row.agent_id}`);
  return yield* context.record(roleSubject(row.id), {
    operation,
    content: roleText(row),
    labels: {
      action: operation === 'roles.grant' ? 'role_grant' : 'role_revoke',
      category: 'access',
      entityType: 'agent',
      entityId: row.agent_id,
      swarm: row.swarm_id,
    },
  });
}

export function roleSubject(id: string): Subject {
  return { kind: 'role', name: id, scope: scopes.project };
}

/** What an entry of a role commits to; verification makes it again from the row. One fact a line. */
export function roleText(row: RoleRow): string {
  return `${row.agent_id}\n${row.role}\n${row.swarm_id}\n${row.granted_by}\n${row.granted_at}
${row.expires_at ?? ''}\n${row.revoked_at ?? ''}\n${row.revoked_by ?? ''}\n${JSON.stringify(row.reason)}`;
}

function roleView(row: RoleRow): Role {
  return {
    id: row.id,
    agent: row.agent_id,
    role: row.role as RoleName,
    swarm: row.swarm_id,
    grantedBy: row.granted_by,
    reason: row.reason,
    grantedAt: row.granted_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
  };
}
