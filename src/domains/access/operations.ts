import { z } from 'zod';
import {
  addGrant,
  type GrantRow,
  grantById,
  grantsAfter,
  revokeGrant,
} from '../../kernel/access/grant-statements.ts';
import { agentSubject } from '../../kernel/access/identity.ts';
import { levelOf, scopeFor } from '../../kernel/access/model.ts';
import { Denial, type Subject } from '../../kernel/denial.ts';
import { invalid } from '../../kernel/errors.ts';
import { limits } from '../../kernel/limits.ts';
import { mutation, query } from '../../kernel/operation.ts';
import * as schema from '../../kernel/schema.ts';
import * as model from './model.ts';

export const grant = mutation({
  name: 'access.grant',
  summary: 'Let another agent act in an audience for a time',
  description:
    'The caller must belong to the audience: its own private data, or its team, swarm or system. It cannot give what its own token does not allow, nor pass on what was granted to it, nor for longer than its own membership lasts.',
  input: z.strictObject({
    agent: schema.id.describe('Who may'),
    acts: z.array(model.act).min(1, 'at least one').max(4, 'at most 4').describe('What it may do'),
    resource: model.resource,
    ...model.audience,
    prefix: model.path.describe('Only this path and what lies below it: <namespace>/<key>, or a stream'),
    ttl: z
      .int('a whole number of seconds')
      .min(1, 'at least 1 second')
      .max(limits.grantSecondsMax, `at most ${limits.grantSecondsMax} seconds`)
      .describe('Seconds until it ends'),
    reason: z.string('text').max(limits.nameLength).default('').describe('Why, for who reads the list'),
  }),
  output: z.object({ grants: z.array(model.grant) }),
  access: 'write',
  risk: 'medium',
  route: 'POST /api/v1/access/grants',
  positional: ['agent', 'resource'],
  *run(context, input) {
    const identity = yield* context.identity();
    if (input.agent === context.agent) throw invalid('agent', 'another agent than the one that grants');
    const scope = scopeFor(identity, input.level, input.audience);
    const wanted = [...new Set(input.acts)];
    const lacking = wanted.map(model.rightFor).find((right) => !context.principal.rights.has(right));
    if (lacking !== undefined || !identity.scopes.includes(scope)) {
      const why = lacking === undefined ? 'is not a member of that audience' : `lacks the right "${lacking}"`;
      throw new Denial('FORBIDDEN', `${context.agent} ${why} and cannot grant it`, subjectOf('', scope));
    }
    const rows: GrantRow[] = [];
    for (const act of wanted) {
      const row = {
        id: context.newId('grant'),
        agent_id: input.agent,
        action: act,
        resource: input.resource,
        scope,
        prefix: input.prefix,
        granted_by: context.agent,
        reason: input.reason,
        created_at: context.now,
        expires_at: Math.min(
          context.now + input.ttl * 1000,
          identity.ends?.get(scope) ?? Number.POSITIVE_INFINITY,
        ),
      };
      yield* addGrant(context.project, row);
      yield* context.record(subjectOf(row.id, scope), { facts: { expires: row.expires_at } });
      rows.push({ ...row, revoked_at: null });
    }
    context.tx.policyChanged();
    context.tx.touch('access');
    return { grants: rows.map(model.grantView) };
  },
});

export const revoke = mutation({
  name: 'access.revoke',
  summary: 'End a grant at once',
  description: 'For its grantor, its receiver and administrators; null for anybody else. Safe to repeat.',
  input: z.strictObject({ id: schema.id }),
  output: model.grant.nullable(),
  access: 'write',
  risk: 'medium',
  route: 'DELETE /api/v1/access/grants/{id}',
  positional: ['id'],
  *run(context, { id }) {
    yield* context.identity();
    const row = yield* grantById(context.project, id);
    if (!row) return null;
    const involved = row.granted_by === context.agent || row.agent_id === context.agent;
    if (!involved && !context.principal.rights.has('admin')) {
      context.noteDenial(subjectOf(id, row.scope));
      return null;
    }
    if (row.revoked_at !== null) return model.grantView(row);
    yield* revokeGrant(context.project, id, context.now);
    yield* context.record(subjectOf(id, row.scope));
    context.tx.policyChanged();
    context.tx.touch('access');
    return model.grantView({ ...row, revoked_at: context.now });
  },
});

export const grants = query({
  name: 'access.grants',
  summary: 'List grants given and received',
  description: 'An administrator sees those of all agents, or with "agent" those of one.',
  input: z.strictObject({
    agent: schema.id.optional().describe('Whose grants; an administrator may name anybody'),
    limit: schema.limit,
    cursor: schema.cursor,
  }),
  output: z.object({ grants: z.array(model.grant), nextCursor: z.string().nullable() }),
  access: 'read',
  route: 'GET /api/v1/access/grants',
  *run(context, { agent, limit, cursor }) {
    const { scopes } = yield* context.identity();
    if (scopes.length === 0) return { grants: [], nextCursor: null };
    const all = context.principal.rights.has('admin');
    if (!all && agent !== undefined && agent !== context.agent) {
      throw new Denial('FORBIDDEN', 'listing another agent\'s grants needs the right "admin"', {
        ...agentSubject(agent),
      });
    }
    const whose = agent ?? (all ? '' : context.agent);
    const rows = yield* grantsAfter(context.project, cursor, whose, limit + 1);
    const page = rows.slice(0, limit);
    return {
      grants: page.map(model.grantView),
      nextCursor: rows.length > limit ? page.at(-1)!.id : null,
    };
  },
});

export const check = query({
  name: 'access.check',
  summary: 'Tell whether the caller may do something, and why',
  description:
    'About an audience and a path in it, whether or not anything lies there. A record that the caller wrote for an audience it has left stays readable to it beyond this.',
  input: z.strictObject({
    act: model.act,
    resource: model.resource,
    ...model.audience,
    path: model.path.describe('Path of the record: <namespace>/<key>, or a stream'),
  }),
  output: z.object({
    allowed: z.boolean(),
    because: z
      .enum(['member', 'grant', 'inactive', 'right', 'nothing'])
      .describe('member or grant allow it; inactive, a missing right of the token, or nothing do not'),
  }),
  access: 'read',
  route: 'GET /api/v1/access/check',
  positional: ['act', 'resource', 'path'],
  *run(context, input) {
    const identity = yield* context.identity();
    if (identity.scopes.length === 0) return { allowed: false, because: 'inactive' as const };
    if (!context.principal.rights.has(model.rightFor(input.act)))
      return { allowed: false, because: 'right' as const };
    const scope = scopeFor(identity, input.level, input.audience);
    const record = { scope, owner: '', path: input.path };
    const reason = yield* context.reason(identity, input.act, input.resource, record);
    if (reason === 'member' || reason === 'grant') return { allowed: true, because: reason };
    return { allowed: false, because: 'nothing' as const };
  },
});

function subjectOf(id: string, scope: string): Subject {
  return { kind: 'grant', name: id === '' ? `new ${levelOf(scope)}` : id, scope };
}
