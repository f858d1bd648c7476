import { z } from 'zod';
import { agentSubject } from '../../kernel/access/identity.ts';
import { leaveSystem } from '../../kernel/access/membership.ts';
import { type Right, scopes } from '../../kernel/access/model.ts';
import { agentById } from '../../kernel/access/statements.ts';
import { liveAdminToken, revokeToken, tokenById, tokensAfter } from '../../kernel/access/token-statements.ts';
import { createToken } from '../../kernel/access/tokens.ts';
import { Denial } from '../../kernel/denial.ts';
import { limits } from '../../kernel/limits.ts';
import { mutation, query } from '../../kernel/operation.ts';
import * as schema from '../../kernel/schema.ts';
import { right } from './model.ts';

const token = z.object({
  id: z.string(),
  agent: z.string(),
  rights: z.array(right),
  label: z.string(),
  createdAt: z.int(),
  expiresAt: z.int().nullable(),
  revokedAt: z.int().nullable(),
  lastUsedAt: z.int().nullable().describe('Written at most once a minute'),
});

export const create = mutation({
  name: 'token.create',
  summary: 'Make a token for an agent; its text is shown this once',
  description:
    'A token with the right "admin" makes its agent a member of the system audience. "act-as" lets its holder act for any agent of the project. With an idempotency key the whole answer is kept, sealed for the caller, as long as it can be replayed.',
  input: z.strictObject({
    agent: schema.id.describe('Whose token it is'),
    rights: z
      .array(right)
      .min(1, 'at least one')
      .max(4, 'at most 4')
      .default(['read', 'write'])
      .describe('What it allows'),
    ttl: z
      .int('a whole number of seconds')
      .min(1, 'at least 1 second')
      .max(limits.ttlSecondsMax, `at most ${limits.ttlSecondsMax} seconds`)
      .optional()
      .describe('Seconds until it expires; never without it'),
    label: z.string('text').max(limits.nameLength).default('').describe('What it is for'),
  }),
  output: token.omit({ revokedAt: true, lastUsedAt: true }).extend({
    token: z.string().describe('The text to present; only the hash of its secret is kept'),
  }),
  access: 'admin',
  risk: 'high',
  route: 'POST /api/v1/tokens',
  *run(context, input) {
    yield* context.identity();
    const { agent, label } = input;
    const wanted = [...new Set(input.rights)];
    const lacking = wanted.find((given) => !context.principal.rights.has(given));
    if (lacking !== undefined)
      throw new Denial('FORBIDDEN', `the caller lacks the right "${lacking}" and cannot give it`, {
        ...agentSubject(agent),
      });
    const row = yield* agentById(context.project, agent);
    if (row && row.status !== 'active')
      throw new Denial('FORBIDDEN', `agent ${agent} is ${row.status}`, agentSubject(agent), {
        status: row.status,
      });
    const expiresAt = input.ttl === undefined ? null : context.now + input.ttl * 1000;
    const { id, text } = yield* createToken(context, { agent, rights: wanted, label, expiresAt });
    context.tx.touch('token');
    return { id, token: text, agent, rights: wanted, label, createdAt: context.now, expiresAt };
  },
});

export const list = query({
  name: 'token.list',
  summary: 'List the tokens of the project, without their texts',
  input: z.strictObject({
    agent: schema.id.optional().describe('Only tokens of this agent'),
    limit: schema.limit,
    cursor: schema.cursor,
  }),
  output: z.object({ tokens: z.array(token), nextCursor: z.string().nullable() }),
  access: 'admin',
  route: 'GET /api/v1/tokens',
  *run(context, { agent = '', limit, cursor }) {
    const { scopes: own } = yield* context.identity();
    if (own.length === 0) return { tokens: [], nextCursor: null };
    const rows = yield* tokensAfter(context.project, cursor, agent, limit + 1);
    const page = rows.slice(0, limit);
    return {
      tokens: page.map((row) => ({
        id: row.id,
        agent: row.agent_id,
        rights: JSON.parse(row.rights) as Right[],
        label: row.label,
        createdAt: row.created_at,
        expiresAt: row.expires_at,
        revokedAt: row.revoked_at,
        lastUsedAt: row.last_used_at,
      })),
      nextCursor: rows.length > limit ? page.at(-1)!.id : null,
    };
  },
});

export const revoke = mutation({
  name: 'token.revoke',
  summary: 'End a token at once',
  description:
    'It is refused from the next request on. An agent whose last admin token ends leaves the system audience. Safe to repeat.',
  input: z.strictObject({ id: schema.id.describe('Its id, tok_…') }),
  output: z.object({ id: z.string(), agent: z.string(), revokedAt: z.int() }).nullable(),
  access: 'admin',
  risk: 'medium',
  route: 'DELETE /api/v1/tokens/{id}',
  positional: ['id'],
  *run(context, { id }) {
    yield* context.identity();
    const row = yield* tokenById(context.project, id);
    if (!row) return null;
    const agent = row.agent_id;
    if (row.revoked_at !== null) return { id, agent, revokedAt: row.revoked_at };
    yield* revokeToken(context.project, id, context.now);
    yield* context.record({ kind: 'token', name: id, scope: scopes.project });
    const administers = (JSON.parse(row.rights) as Right[]).includes('admin');
    if (administers && !(yield* liveAdminToken(context.project, agent, context.now)))
      yield* leaveSystem(context, agent);
    context.tx.touch('token');
    return { id, agent, revokedAt: context.now };
  },
});
