import { z } from 'zod';
import { agentSubject } from '../../../kernel/access/identity.ts';
import { type Level, type Membership, scopes } from '../../../kernel/access/model.ts';
import { agentById } from '../../../kernel/access/statements.ts';
import { Denial, type ReadContext, type Subject, type WriteContext } from '../../../kernel/context.ts';
import { notFound } from '../../../kernel/errors.ts';
import { limits } from '../../../kernel/limits.ts';
import { mutation, query } from '../../../kernel/operation.ts';
import * as schema from '../../../kernel/schema.ts';
import type { Work } from '../../../kernel/work.ts';
import { activeReader, isAdministrator } from '../registration/registry.ts';
import * as model from './permission-model.ts';
import {
  addPermission,
  type PermissionRow,
  permissionById,
  permissionsAfter,
  revokePermission as revokeRow,
  standingInForce,
} from './permission-statements.ts';
import { endOf, leads } from './roles.ts';

const permission = z.object({
  id: z.string(),
  agent: z.string(),
  resourceType: model.resourceType,
  level: schema.level,
  acts: z.array(z.string()),
  grantedBy: z.string(),
  reason: z.string(),
  createdAt: z.int(),
  expiresAt: z.int().nullable(),
  revokedAt: z.int().nullable(),
});

export const grantPermission = mutation({
  name: 'fleet.grantPermission',
  summary: 'Let a question about an agent be answered with yes',
  description:
    'It answers fleet.hasPermission and opens no data: for that, see access.grant and roles.grant. For administrators, and for the roles "system" and "coordinator" in the swarm of the agent; nobody but an administrator gives to itself.',
  input: z.strictObject({
    agent: schema.id,
    resourceType: model.resourceType,
    level: schema.level.describe('In which of its audiences'),
    acts: z.array(model.act).min(1, 'at least one').max(20, 'at most 20'),
    ttl: schema.ttl,
    expiresAt: schema.expiresAt,
    reason: z.string('text').max(limits.nameLength).default('').describe('Why, for who reads the list'),
  }),
  output: permission,
  access: 'write',
  risk: 'medium',
  route: 'POST /api/v1/fleet/permissions',
  positional: ['agent', 'resourceType', 'level'],
  *run(context, input) {
    yield* context.identity();
    const expiresAt = endOf(context, input);
    yield* assertMayGive(context, input.agent);
    const row: PermissionRow = {
      id: context.newId('perm'),
      agent_id: input.agent,
      resource_type: input.resourceType,
      level: input.level,
      acts: JSON.stringify([...new Set(input.acts)].sort()),
      granted_by: context.agent,
      reason: input.reason,
      created_at: context.now,
      expires_at: expiresAt,
      revoked_at: null,
      seq: 0,
    };
    row.seq = yield* record(context, row, 'permission_grant');
    yield* addPermission(context.project, row);
    return viewOf(row);
  },
});

export const revokePermission = mutation({
  name: 'fleet.revokePermission',
  summary: 'End a permission at once',
  description: 'For whoever may give it, and for its holder. Null where there is none. Safe to repeat.',
  input: z.strictObject({ id: schema.id }),
  output: permission.nullable(),
  access: 'write',
  risk: 'medium',
  route: 'DELETE /api/v1/fleet/permissions/{id}',
  positional: ['id'],
  *run(context, { id }) {
    yield* context.identity();
    const row = yield* permissionById(context.project, id);
    if (!row) return null;
    if (row.agent_id !== context.agent) yield* assertMayGive(context, row.agent_id);
    if (row.revoked_at !== null) return viewOf(row);
    const ended = { ...row, revoked_at: context.now };
    ended.seq = yield* record(context, ended, 'permission_revoke');
    yield* revokeRow(context.project, ended);
    return viewOf(ended);
  },
});

export const permissions = query({
  name: 'fleet.permissions',
  summary: 'List what was given to an agent beyond the defaults',
  input: z.strictObject({
    agent: schema.id.optional().describe('The caller when left out; another needs the right "admin"'),
    limit: schema.limit,
    cursor: schema.cursor,
  }),
  output: z.object({ permissions: z.array(permission), nextCursor: z.string().nullable() }),
  access: 'read',
  route: 'GET /api/v1/fleet/permissions',
  *run(context, { agent = context.agent, limit, cursor }) {
    yield* activeReader(context);
    yield* assertMayAsk(context, agent);
    const rows = yield* permissionsAfter(context.project, cursor, agent, limit + 1);
    const page = rows.slice(0, limit);
    return {
      permissions: page.map(viewOf),
      nextCursor: rows.length > limit ? page.at(-1)!.id : null,
    };
  },
});

export const hasPermission = query({
  name: 'fleet.hasPermission',
  summary: 'Tell whether an agent may do something in its audience of a level, and why',
  description:
    'Yes when the agent belongs to such an audience and has the act by default (memory, task, event: read, write; consensus: read, vote) or by a permission. About itself, or anybody for administrators and those who lead its swarm.',
  input: z.strictObject({
    agent: schema.id.optional().describe('The caller when left out'),
    resourceType: model.resourceType,
    act: model.act,
    level: schema.level,
  }),
  output: z.object({ allowed: z.boolean(), because: z.enum(model.reasons) }),
  access: 'read',
  route: 'GET /api/v1/fleet/permissions/check',
  positional: ['resourceType', 'act', 'level'],
  *run(context, { agent = context.agent, ...asked }) {
    yield* context.identity();
    yield* assertMayAsk(context, agent);
    const { allowed, because } = yield* decision(context, { agent, ...asked });
    return { allowed, because };
  },
});

/** The answer as the store has it now. */
export function* decision(
  { project, now }: { readonly project: string; readonly now: number },
  question: model.Question,
): Work<model.Decision> {
  const memberships: Membership[] = [];
  const given: model.Given[] = [];
  for (const { scope, acts, expires_at: expiresAt } of yield* standingInForce(project, question, now)) {
    if (acts === '') memberships.push({ scope, expiresAt });
    else given.push({ acts: JSON.parse(acts) as string[], expiresAt });
  }
  return model.decide(question, memberships, given);
}

function* assertMayGive(context: WriteContext, agent: string): Work<void> {
  const row = yield* agentById(context.project, agent);
  if (isAdministrator(context)) {
    if (!row) throw notFound('agent');
    return;
  }
  if (row && agent !== context.agent && (yield* leads(context, row.swarm_id))) return;
  throw new Denial(
    'FORBIDDEN',
    'permissions are given by administrators and by those who lead the swarm, to others',
    agentSubject(agent),
    { agent },
  );
}

function* assertMayAsk(context: ReadContext, agent: string): Work<void> {
  if (agent === context.agent || isAdministrator(context)) return;
  const row = yield* agentById(context.project, agent);
  if (row && (yield* leads(context, row.swarm_id))) return;
  throw new Denial('FORBIDDEN', 'asking about another agent needs the right "admin"', agentSubject(agent), {
    agent,
    needs: 'admin',
  });
}

function* record(context: WriteContext, row: PermissionRow, action: string): Work<number> {
  context.tx.policyChanged();
  context.tx.touch('fleet');
  return yield* context.record(permissionSubject(row.id), {
    content: permissionText(row),
    labels: { action, category: 'access', entityType: 'agent', entityId: row.agent_id },
  });
}

export function permissionSubject(id: string): Subject {
  return { kind: 'permission', name: id, scope: scopes.project };
}

/** What an entry of a permission commits to; verification makes it again from the row. One fact a line. */
export function permissionText(row: PermissionRow): string {
  return `${row.agent_id}\n${row.resource_type}\n${row.level}\n${row.acts}\n${row.granted_by}\n${row.created_at}
${row.expires_at ?? ''}\n${row.revoked_at ?? ''}\n${JSON.stringify(row.reason)}`;
}

function viewOf(row: PermissionRow): z.output<typeof permission> {
  return {
    id: row.id,
    agent: row.agent_id,
    resourceType: row.resource_type as model.ResourceType,
    level: row.level as Level,
    acts: JSON.parse(row.acts) as string[],
    grantedBy: row.granted_by,
    reason: row.reason,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
  };
}
