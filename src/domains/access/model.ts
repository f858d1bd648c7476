import { z } from 'zod';
import { acts, levelOf, rights } from '../../kernel/access/model.ts';
import { limits } from '../../kernel/limits.ts';
import * as schema from '../../kernel/schema.ts';

/**
 * Words. A *grant* lets an agent do one act on one kind of resource in an audience it need not belong to, on all of it
 * or below a path, for a time. Its *grantor* is a member of that audience; nobody grants what was granted to it.
 *
 * States of a grant: in force → (expired | revoked), both final. It is revoked by its grantor, by its receiver or by an
 * administrator, and by itself when its grantor leaves the audience or is no longer active.
 */
export const resources = ['memory', 'mail', 'events', 'tasks', 'artifacts'] as const;

export const act = z.enum(acts, `one of ${acts.join(', ')}`);
export const right = z.enum(rights, `one of ${rights.join(', ')}`);
export const resource = z.enum(resources, `one of ${resources.join(', ')}`).describe('What kind of thing');

export const audience = {
  level: schema.level.default('private').describe('Whose audience it is about'),
  audience: schema.id.optional().describe('Which team, swarm or agent, where the level alone does not say'),
};

/** Whole segments: `acme` covers `acme` and `acme/x`, not `acme-corp`. */
export const path = z
  .string('text')
  .max(2 * limits.nameLength, `at most ${2 * limits.nameLength} characters`)
  .regex(/^$|[^/]$/, 'no "/" at the end')
  .refine((value) => value.isWellFormed(), 'must be well-formed Unicode')
  .default('');

export const grant = z.object({
  id: z.string(),
  agent: z.string(),
  act,
  resource: z.string(),
  level: schema.level,
  scope: z.string(),
  prefix: z.string(),
  grantedBy: z.string(),
  reason: z.string(),
  createdAt: z.int(),
  expiresAt: z.int(),
  revokedAt: z.int().nullable(),
});

interface GrantColumns {
  id: string;
  agent_id: string;
  action: string;
  resource: string;
  scope: string;
  prefix: string;
  granted_by: string;
  reason: string;
  created_at: number;
  expires_at: number;
  revoked_at: number | null;
}

export function grantView(row: GrantColumns): z.output<typeof grant> {
  return {
    id: row.id,
    agent: row.agent_id,
    act: row.action as z.output<typeof act>,
    resource: row.resource,
    level: levelOf(row.scope),
    scope: row.scope,
    prefix: row.prefix,
    grantedBy: row.granted_by,
    reason: row.reason,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
  };
}

/** What a token must allow for an act to be done with it. */
export function rightFor(wanted: z.output<typeof act>): 'read' | 'write' {
  return wanted === 'read' ? 'read' : 'write';
}
