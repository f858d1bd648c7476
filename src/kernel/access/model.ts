import { invalid } from '../errors.ts';

/**
 * Words. A *level* is the name of a kind of audience; it is never more or less than another. A *scope* is one audience:
 * `private:<agent>`, `team:<team>`, `swarm:<swarm>`, `project`, `system`. A *membership* puts an agent into a scope, for
 * good or until a time. A *role* is what an agent was appointed to in a swarm; some roles bring a membership. A *grant*
 * lets an agent do one act on what lies in a scope it need not belong to. A *right* is what a token may do at all, before
 * any record is looked at.
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

export interface Membership {
  readonly scope: string;
  /** Null: for good. Over from this millisecond on. */
  readonly expiresAt: number | null;
}

/** The scopes an agent belongs to, nearest first. */
export interface Identity {
  readonly agent: string;
  readonly scopes: readonly string[];
  /** When memberships end by themselves, by scope; absent where none does. */
  readonly ends?: ReadonlyMap<string, number> | undefined;
}

/** Who an agent is at a time: `notPast` in `statements.ts` is the same in SQL. */
export function identityAt(agent: string, memberships: readonly Membership[], now: number): Identity {
  const current: string[] = [];
  let ends: Map<string, number> | undefined;
  for (const { scope, expiresAt } of memberships) {
    if (expiresAt !== null && expiresAt <= now) continue;
    current.push(scope);
    if (expiresAt === null) continue;
    ends ??= new Map();
    ends.set(scope, expiresAt);
  }
  return { agent, scopes: current, ends };
}

export const roleNames = ['system', 'product-owner', 'coordinator', 'validator', 'member'] as const;
export type RoleName = (typeof roleNames)[number];

export interface HeldRole {
  readonly role: RoleName;
  readonly swarm: string;
  readonly expiresAt: number | null;
}

/** The audience that a role brings. Coordinators and validators have none by their role. */
export function scopeOfRole({ role, swarm }: Pick<HeldRole, 'role' | 'swarm'>): string | undefined {
  if (role === 'system' || role === 'product-owner') return scopes.system;
  return role === 'member' ? scopes.swarm(swarm) : undefined;
}

/** Where an agent stands by its own row. */
export interface Standing {
  readonly swarm: string;
  readonly team?: string | undefined;
  readonly active: boolean;
  readonly system: boolean;
}

/**
 * All memberships of an agent: what its own row says, for good, and what its roles bring, each until its time. One that
 * is not active has none, and with that no access at all.
 */
export function membershipsFrom(
  agent: string,
  { swarm, team, active, system }: Standing,
  roles: readonly HeldRole[],
): Membership[] {
  if (!active) return [];
  const ends = new Map<string, number | null>();
  const own = [scopes.private(agent), team === undefined ? scopes.teamOfOne(agent) : scopes.team(team)];
  own.push(scopes.swarm(swarm), scopes.project, ...(system ? [scopes.system] : []));
  for (const scope of own) ends.set(scope, null);
  for (const role of roles) {
    const scope = scopeOfRole(role);
    if (scope !== undefined) ends.set(scope, later(ends.get(scope), role.expiresAt));
  }
  return [...ends].map(([scope, expiresAt]) => ({ scope, expiresAt }));
}

/** The later of two ends; null is for good, undefined is no membership. */
function later(one: number | null | undefined, other: number | null): number | null {
  if (one === undefined) return other;
  return one === null || other === null ? null : Math.max(one, other);
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

/**
 * How near an audience is to an agent: the order in which reads look for a key. An order of lookup, not of power. Swarms
 * that a role brought come behind the agent's own.
 */
export function distance(scope: string, { joined = false }: { readonly joined?: boolean } = {}): number {
  return 2 * levels.indexOf(levelOf(scope)) + (joined ? 1 : 0);
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

/** The same agent with one of its swarms before the others: what a view was opened for is what it means by "swarm". */
export function preferring(identity: Identity, swarm: string | undefined): Identity {
  if (swarm === undefined) return identity;
  const wanted = scopes.swarm(swarm);
  const at = identity.scopes.indexOf(wanted);
  const first = identity.scopes.findIndex((scope) => levelOf(scope) === 'swarm');
  if (at <= first) return identity;
  return { ...identity, scopes: identity.scopes.with(at, identity.scopes[first]!).with(first, wanted) };
}

function ownScope(identity: Identity, level: Level): string {
  const own = identity.scopes.filter((scope) => levelOf(scope) === level);
  const solo = scopes.teamOfOne(identity.agent);
  return own.find((scope) => scope !== solo) ?? own[0] ?? solo;
}
