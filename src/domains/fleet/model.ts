import { z } from 'zod';
import type { Level } from '../../kernel/access/model.ts';
import { type Presence, presenceOf, presences } from '../../kernel/access/presence.ts';
import type { AgentRow, GroupRow } from '../../kernel/access/statements.ts';
import { RookeryError } from '../../kernel/errors.ts';
import { encodeValue } from '../../kernel/json.ts';
import { limits } from '../../kernel/limits.ts';
import * as schema from '../../kernel/schema.ts';
import { levelOfType } from './registration/types.ts';

/**
 * Words. An *agent* is an identity of the project; it belongs to one swarm and at most one team, both made when they
 * are first named. An *incarnation* is one life of an agent: it grows when the agent dies, when it is no longer active
 * and when a process takes the name over with `restart`, and a heartbeat of an earlier one is refused. *Presence* says
 * whether it was heard of lately, *status* what it is allowed to be. A *leader* of a team says who is in it.
 *
 * Status of an agent: active ⇄ inactive | suspended | terminated. Only an active agent has memberships, and with that
 * any access; its tokens work while it is active.
 */
export const statuses = ['active', 'inactive', 'suspended', 'terminated'] as const;
export const status = z.enum(statuses, `one of ${statuses.join(', ')}`);
export type Status = z.output<typeof status>;

export const capabilities = z
  .array(schema.name)
  .max(limits.capabilities, `at most ${limits.capabilities}`)
  .describe('What it is good at; no rights follow from it');

export const metadata = z.record(z.string(), z.unknown(), 'a JSON object').describe('Anything else');

/** What can be said of an agent when it is registered or changed. */
export const profile = {
  name: schema.name.optional().describe('Name to show'),
  type: schema.name.optional().describe('What kind of agent it is, for example coder or reviewer'),
  swarm: schema.id.optional().describe('Swarm it belongs to'),
  capabilities: capabilities.optional(),
  metadata: metadata.optional(),
  level: schema.level
    .optional()
    .describe('The audience it writes for by default; that of its type when left out'),
  system: z
    .boolean()
    .optional()
    .describe('Whether it belongs to the system audience; needs the right "admin"'),
};

export const agent = z.object({
  id: z.string(),
  name: z.string(),
  type: z.string(),
  status,
  team: z.string().nullable(),
  swarm: z.string(),
  capabilities: z.array(z.string()),
  metadata: z.record(z.string(), z.unknown()),
  level: schema.level,
  incarnation: z.int(),
  presence: z.enum(presences),
  createdAt: z.int(),
  updatedAt: z.int(),
  lastSeen: z.int(),
});
export type Agent = z.output<typeof agent>;

export function agentView(row: AgentRow, presence: Presence): Agent {
  return {
    id: row.id,
    name: row.name,
    type: row.type,
    status: row.status as Status,
    team: row.team_id,
    swarm: row.swarm_id,
    capabilities: JSON.parse(row.capabilities) as string[],
    metadata: JSON.parse(row.metadata) as Record<string, unknown>,
    level: (row.level as Level | null) ?? levelOfType(row.type),
    incarnation: row.incarnation,
    presence,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    lastSeen: row.last_seen,
  };
}

/** Who has just given a sign of life. */
export function agentJustSeen(row: AgentRow): Agent {
  return agentView(row, presenceOf(row.last_seen, 0, row.last_seen));
}

/** A change of an agent: what is absent stays. */
export interface Patch {
  readonly name?: string | undefined;
  readonly type?: string | undefined;
  readonly status?: Status | undefined;
  readonly team?: string | null | undefined;
  readonly swarm?: string | undefined;
  readonly capabilities?: readonly string[] | undefined;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
  readonly level?: Level | undefined;
  readonly system?: boolean | undefined;
}

/** The agent as a patch leaves it. */
export function patched(row: AgentRow, patch: Patch, now: number): AgentRow {
  return {
    ...row,
    name: patch.name ?? row.name,
    type: patch.type ?? row.type,
    status: patch.status ?? row.status,
    team_id: patch.team === undefined ? row.team_id : patch.team,
    swarm_id: patch.swarm ?? row.swarm_id,
    capabilities: patch.capabilities ? JSON.stringify(patch.capabilities) : row.capabilities,
    metadata: patch.metadata ? encodeMetadata(patch.metadata) : row.metadata,
    level: patch.level ?? row.level,
    updated_at: now,
  };
}

export function encodeMetadata(value: Readonly<Record<string, unknown>>): string {
  const text = encodeValue('metadata', value);
  if (Buffer.byteLength(text) <= limits.metadataBytes) return text;
  throw new RookeryError('TOO_LARGE', `metadata: at most ${limits.metadataBytes} bytes of JSON`, {
    field: 'metadata',
    limitBytes: limits.metadataBytes,
  });
}

/** A team or a swarm. */
export const group = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string(),
  metadata: z.record(z.string(), z.unknown()),
  createdAt: z.int(),
  updatedAt: z.int(),
});

/** A team. */
export const team = group.extend({ leader: z.string().nullable() });

export const groupProfile = {
  name: schema.name.optional().describe('Name to show'),
  description: z.string('text').max(limits.nameLength).optional().describe('What it is for'),
  metadata: metadata.optional(),
};

export function teamView(row: GroupRow): z.output<typeof team> {
  return { ...groupView(row), leader: row.leader ?? null };
}

export function groupView(row: GroupRow): z.output<typeof group> {
  return {
    id: row.id,
    name: row.name,
    description: row.description,
    metadata: JSON.parse(row.metadata) as Record<string, unknown>,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
