import { invalid } from '../errors.ts';

/**
 * Words. A *level* is the name of a kind of audience; it is never more or less than another. A *scope* is one audience:
 * `private:<agent>`, `team:<team>`, `swarm:<swarm>`, `project`, `system`. A *membership* puts an agent into a scope. A
 * *grant* lets an agent do one act on what lies in a scope it need not belong to. A *right* is what a token may do at
 * all, before any record is looked at.
 */
export const levels = ['private', 'team', 'swarm', 'project', 'system'] as const;
export type Level = (typeof levels)[number];

export const acts = ['read', 'write', 'delete', 'append'] as const;
export type Act = (typeof acts)[number];

export const rights = ['read', 'write', 'admin', 'act-as'] as const;
export type Right = (typeof rights)[number];

/** Who asks, as the token or the view says. Nothing in a request can change it. */
export interface Principal {
  readonly project: string;
  readonly agent: string;
  readonly rights: ReadonlySet<Right>;
  /** The swarm a view was opened for; must be one of the agent's own, and is given to an agent that is new. */
  readonly swarm?: string | undefined;
  /** Present when a token was used: its id, and its own agent where that acts for another. */
  readonly token?: string | undefined;
  readonly via?: string | undefined;
}

/** The scopes an agent belongs to, nearest first. */
export interface Identity {
  readonly agent: string;
  readonly scopes: readonly string[];
}

/** The part of a record that decisions look at. */
export interface Guarded {
  readonly scope: string;
  readonly owner: string;
  /** Path of the record inside its kind, for grants on a prefix: `<namespace>/<key>`, or a stream id. */
  readonly path: string;
}

export interface Grant {
  readonly agent: string;
  readonly act: Act;
  readonly resource: string;
  readonly scope: string;
  /** Empty for all of the scope, else a path: the record itself or what lies below it. */
  readonly prefix: string;
  readonly expiresAt: number;
  readonly revokedAt: number | null;
}

/** Why the policy allows something: the audience it is a member of, its own record, or a grant. */
export type Reason = 'member' | 'owner' | 'grant';

/**
 * The policy, as a pure function: the reason to allow, or undefined. `statements.ts` has the same as an SQL predicate;
 * a test holds the two equal over the whole matrix. Default deny: an identity without scopes (suspended, unknown) may
 * do nothing. Rights of a token do not appear here: an administrator reads no more than its audiences.
 */
export function reasonToAllow(
  identity: Identity,
  { act, resource, record, now }: Asked,
  grants: readonly Grant[],
): Reason | undefined {
  if (identity.scopes.length === 0) return undefined;
  if (identity.scopes.includes(record.scope)) return 'member';
  if (record.owner === identity.agent && act !== 'append') return 'owner';
  const granted = grants.some(
    (grant) =>
      grant.agent === identity.agent &&
      grant.act === act &&
      grant.resource === resource &&
      grant.scope === record.scope &&
      grant.expiresAt > now &&
      grant.revokedAt === null &&
      covers(grant.prefix, record.path),
  );
  return granted ? 'grant' : undefined;
}

/** What is to be decided. */
export interface Asked {
  readonly act: Act;
  readonly resource: string;
  readonly record: Guarded;
  readonly now: number;
}

export function allows(identity: Identity, asked: Asked, grants: readonly Grant[]): boolean {
  return reasonToAllow(identity, asked, grants) !== undefined;
}

/** Whole segments only: `acme` covers `acme` and `acme/x`, not `acme-corp`. */
export function covers(prefix: string, path: string): boolean {
  return prefix === '' || path === prefix || path.startsWith(`${prefix}/`);
}

/** How near an audience is to an agent: the order in which reads look for a key. An order of lookup, not of power. */
export function distance(scope: string): number {
  return levels.indexOf(levelOf(scope));
}

export function levelOf(scope: string): Level {
  const end = scope.indexOf(':');
  const kind = end < 0 ? scope : scope.slice(0, end);
  if (kind === 'solo') return 'team';
  if ((levels as readonly string[]).includes(kind)) return kind as Level;
  throw new TypeError(`not a scope: ${scope}`);
}

/** Levels whose contents are encrypted at rest unless asked otherwise. */
export function sealedByDefault(level: Level): boolean {
  return level === 'private' || level === 'team' || level === 'system';
}

/** The scope of one audience. An agent without a team has one of its own, which nobody else can join. */
export const scopes = {
  private: (agent: string): string => `private:${agent}`,
  team: (team: string): string => `team:${team}`,
  teamOfOne: (agent: string): string => `solo:${agent}`,
  swarm: (swarm: string): string => `swarm:${swarm}`,
  project: 'project',
  system: 'system',
} as const;

/**
 * The scope that `level` means to this identity; `audience` picks one where there may be several, or names somebody
 * else's (which only a grant opens).
 */
export function scopeFor(identity: Identity, level: Level, audience?: string): string {
  switch (level) {
    case 'private':
      return scopes.private(audience ?? identity.agent);
    case 'team':
      return audience === undefined ? ownScope(identity, 'team') : scopes.team(audience);
    case 'swarm':
      return audience === undefined ? ownScope(identity, 'swarm') : scopes.swarm(audience);
    default:
      if (audience !== undefined)
        throw invalid('audience', `level ${level} has one audience only: leave it out`);
      return scopes[level];
  }
}

function ownScope(identity: Identity, level: Level): string {
  const own = identity.scopes.filter((scope) => levelOf(scope) === level);
  const solo = scopes.teamOfOne(identity.agent);
  return own.find((scope) => scope !== solo) ?? own[0] ?? solo;
}
