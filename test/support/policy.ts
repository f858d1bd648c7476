import {
  type Act,
  acts,
  allows,
  distance,
  type Grant,
  identityAt,
  levelOf,
  type Membership,
} from '../../src/kernel/access/model.ts';
import { visible } from '../../src/kernel/access/statements.ts';
import { loadHead } from '../../src/kernel/ledger/head.ts';
import { change, many, type Parameter, statement, type Work } from '../../src/kernel/work.ts';
import type { Rookery } from '../../src/rookery.ts';

/** Agents, records and grants as both forms of the policy see them. */
export interface World {
  readonly project: string;
  readonly identities: readonly { readonly agent: string; readonly memberships: readonly Membership[] }[];
  readonly records: readonly { readonly scope: string; readonly owner: string; readonly path: string }[];
  readonly grants: readonly Grant[];
}

export type Oracle = typeof allows;

export const worldNow = 1_800_000_000_000;

/** One statement for many rows: what takes time on an embedded Postgres is the statement, not the row. */
function* insertAll(table: string, columns: string, rows: readonly Parameter[][]): Work<void> {
  const width = columns.split(',').length;
  for (let from = 0; from < rows.length; from += 1000) {
    const chunk = rows.slice(from, from + 1000);
    const tuples = chunk.map(
      (_, row) => `(${Array.from({ length: width }, (_, i) => `$${row * width + i + 1}`).join(', ')})`,
    );
    const insert = statement(`INSERT INTO ${table} (${columns}) VALUES ${tuples.join(', ')}`);
    yield* change(insert, chunk.flat());
  }
}

/** The path of a memory record is `<namespace>/<key>`. */
function keyOf(path: string): [namespace: string, key: string] {
  const end = path.indexOf('/');
  return [path.slice(0, end), path.slice(end + 1)];
}

/** Puts a world into a project of its own, below all operations. */
export async function plant(rookery: Rookery, world: World): Promise<void> {
  await rookery.store.engine.transact(function* (): Work<void> {
    const { project } = world;
    yield* loadHead(project, new Date(0).toISOString());
    const memberships = world.identities.flatMap((identity) =>
      identity.memberships.map(({ scope, expiresAt }) => [
        ...[project, identity.agent, distance(scope), scope, expiresAt],
      ]),
    );
    yield* insertAll('memberships', 'project_id, agent_id, distance, scope, expires_at', memberships);
    yield* insertAll(
      'memory',
      'project_id, namespace, key, scope, owner, author, revision, seq, created_at, updated_at',
      world.records.map(({ path, scope, owner }) => [
        ...[project, ...keyOf(path), scope, owner, owner],
        ...[1, 0, 0, 0],
      ]),
    );
    yield* insertAll(
      'grants',
      'project_id, id, agent_id, action, resource, scope, prefix, granted_by, created_at, expires_at, revoked_at',
      world.grants.map(({ agent, act, resource, scope, prefix, expiresAt, revokedAt }, i) => [
        ...[project, `grant_${i}`, agent, act, resource, scope, prefix, 'somebody', 0],
        ...[expiresAt, revokedAt],
      ]),
    );
  });
}

/** The policy as SQL, over memory rows. Parameters: project, agent, time, then the acts. */
const predicates = acts.map((_, i) =>
  visible('m', 'memory', "(m.namespace || '/' || m.key)", { agent: 2, now: 3, act: 4 + i }),
);

/** One query for all acts: an identity's view of every record. */
function selectVisible(sabotage: (predicate: string) => string) {
  const selects = predicates.map(
    (predicate, i) => `
      SELECT $${4 + i} AS act, m.scope, m.namespace || '/' || m.key AS path FROM memory m
      WHERE m.project_id = $1 AND ${sabotage(predicate)} AND $2 <> '' AND CAST($3 AS BIGINT) > 0`,
  );
  return statement(`${selects.join(' UNION ALL ')} LIMIT 100000`);
}

export interface Comparison {
  readonly decisions: number;
  readonly allowed: number;
  /** Cells in which SQL and the pure function differ. */
  readonly different: string[];
}

export interface Sabotage {
  /** Damages the predicate. Its parameters stay in use, whatever is cut out. */
  readonly sql?: (predicate: string) => string;
  readonly oracle?: Oracle;
  /** Stops at the first identity that shows a difference. */
  readonly untilNoticed?: boolean;
}

/** Decides everything in a world twice; one query per identity over all records and acts. */
export async function compare(
  rookery: Rookery,
  world: World,
  { sql = (predicate) => predicate, oracle = allows, untilNoticed = false }: Sabotage = {},
): Promise<Comparison> {
  const select = selectVisible(sql);
  const outcome = { decisions: 0, allowed: 0, different: [] as string[] };
  for (const { agent, memberships } of world.identities) {
    if (untilNoticed && outcome.different.length > 0) return outcome;
    const identity = identityAt(agent, memberships, worldNow);
    const rows = await rookery.store.engine.read(() =>
      many<{ act: Act; scope: string; path: string }>(select, [world.project, agent, worldNow, ...acts]),
    );
    const found = new Set(rows.map(({ act, scope, path }) => `${act}\n${scope}\n${path}`));
    for (const act of acts) {
      for (const record of world.records) {
        const pure = oracle(identity, { act, resource: 'memory', record, now: worldNow }, world.grants);
        outcome.decisions++;
        if (pure) outcome.allowed++;
        if (pure !== found.has(`${act}\n${record.scope}\n${record.path}`))
          outcome.different.push(`${agent} ${act} ${record.scope} ${record.path} of ${record.owner}`);
      }
    }
  }
  return outcome;
}

/** Sabotage: a level as a number that one has or has not reached. */
export const byNumber: Oracle = (identity, { record }) => {
  const clearance = Math.max(-1, ...identity.scopes.map((scope) => distance(scope)));
  return clearance >= distance(record.scope);
};

const team = 'team:red';
const forGood = (scopes: readonly string[]): Membership[] =>
  scopes.map((scope) => ({ scope, expiresAt: null }));
const elsewhere = (agent: string, ...more: string[]) =>
  forGood([
    `private:${agent}`,
    ...(more.some((scope) => levelOf(scope) === 'team') ? [] : [`solo:${agent}`]),
    ...(more.some((scope) => levelOf(scope) === 'swarm') ? [] : ['swarm:other']),
    'project',
    ...more,
  ]);
/** A member of everything that the owner shares, until a time. */
const until = (expiresAt: number): Membership[] =>
  ['private:owner', team, 'swarm:one', 'system'].map((scope) => ({ scope, expiresAt }));

/** How an agent can stand to the records of the agent `owner`, which is in team red and swarm one. */
const relations: Record<string, (agent: string) => Membership[]> = {
  owner: (agent) => elsewhere(agent),
  sameTeam: (agent) => elsewhere(agent, team),
  sameSwarm: (agent) => elsewhere(agent, 'swarm:one'),
  projectOnly: (agent) => elsewhere(agent),
  system: (agent) => elsewhere(agent, 'system'),
  stillMember: (agent) => [...elsewhere(agent), ...until(worldNow + 1)],
  endingNow: (agent) => [...elsewhere(agent), ...until(worldNow)],
  formerMember: (agent) => [...elsewhere(agent), ...until(worldNow - 1)],
  /** Nothing is left to it, own records included. */
  allOver: () => until(worldNow),
  /** A member of everything, in the neighbouring project. */
  memberOutside: (agent) => elsewhere(agent),
  outsider: () => [],
  suspended: () => [],
  unknown: () => [],
};

const audiences = ['private:owner', team, 'swarm:one', 'project', 'system'];
const paths = ['acme/doc', 'acme/doc/part', 'acme-corp/doc'];

type GrantState = (agent: string, scope: string) => Grant[];
const granted =
  (change: Partial<Grant>, which: readonly Act[] = acts): GrantState =>
  (agent, scope) =>
    which.map((act) => ({
      ...{ agent, act, resource: 'memory', scope, prefix: '' },
      ...{ expiresAt: worldNow + 1, revokedAt: null },
      ...change,
    }));

const grantStates: Record<string, GrantState> = {
  none: () => [],
  valid: granted({}),
  expired: granted({ expiresAt: worldNow - 1 }),
  expiringNow: granted({ expiresAt: worldNow }),
  revoked: granted({ revokedAt: worldNow - 1 }),
  otherAct: granted({}, ['append']),
  onNamespace: granted({ prefix: 'acme' }),
  onRecord: granted({ prefix: 'acme/doc' }),
  onSiblingPrefix: granted({ prefix: 'acm' }),
  onKeyPrefix: granted({ prefix: 'acme/do' }),
  otherResource: granted({ resource: 'mail' }),
  otherScope: (agent, scope) => (scope === 'project' ? granted({})(agent, scope) : []),
};

/**
 * Every audience × relation × state of a grant; acts are all asked for. Owners and suspended agents have a record of
 * their own in each audience. `outside` is the neighbouring project, in which the outsiders have everything.
 */
export function matrix(project: string): { world: World; outside: World } {
  const subjects = Object.entries(relations).flatMap(([relation, membershipsOf]) =>
    Object.entries(grantStates).map(([state, grantsOf]) => {
      const agent = `${relation}-${state}`;
      return { relation, identity: { agent, memberships: membershipsOf(agent) }, grantsOf };
    }),
  );
  const owners = subjects
    .filter(({ relation }) => ['owner', 'suspended', 'allOver'].includes(relation))
    .map(({ identity }) => identity.agent);
  const records = ['owner', ...owners].flatMap((owner, i) =>
    audiences.flatMap((scope) =>
      i === 0 ? paths.map((path) => ({ scope, owner, path })) : [{ scope, owner, path: `acme/doc/${owner}` }],
    ),
  );
  const grants = subjects.flatMap(({ identity, grantsOf }) =>
    audiences.flatMap((scope) => grantsOf(identity.agent, scope)),
  );
  const outsiders = subjects.filter(
    ({ relation }) => relation === 'outsider' || relation === 'memberOutside',
  );
  return {
    world: { project, identities: subjects.map(({ identity }) => identity), records, grants },
    outside: {
      project: `${project}-outside`,
      identities: outsiders.map(({ identity: { agent } }) => ({
        agent,
        memberships: forGood([...audiences, `private:${agent}`]),
      })),
      records: [],
      grants: subjects.flatMap(({ identity }) => granted({})(identity.agent, 'private:owner')),
    },
  };
}
