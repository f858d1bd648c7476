import fc from 'fast-check';
import { expect, it } from 'vitest';
import { acts, type Grant, type Membership } from '../../src/kernel/access/model.ts';
import type { Harness } from '../engines/index.ts';
import { byNumber, compare, matrix, plant, type World, worldNow } from '../support/policy.ts';

/** The policy, which is written twice: as a pure function and as an SQL predicate. */
export function policySuite(harness: Harness): void {
  it('decides every cell of the matrix alike in SQL and in code [S1]', async () => {
    const rookery = await harness.open();
    const { world, outside } = matrix('matrix');
    await plant(rookery, world);
    await plant(rookery, outside);
    const { decisions, allowed, different } = await compare(rookery, world);
    expect(different).toEqual([]);
    expect(decisions).toBeGreaterThan(40_000);
    expect(allowed).toBeGreaterThan(decisions / 10);
    expect(allowed).toBeLessThan(decisions / 2);
  });

  // One engine is enough to show that the comparison notices.
  if (harness.engine === 'sqlite') sabotageSuite(harness);

  it('decides 100,000 cells of random worlds alike [S2]', async () => {
    const rookery = await harness.open();
    let planted = 0;
    let decisions = 0;
    await fc.assert(
      fc.asyncProperty(worlds, async (parts) => {
        const world = { ...parts, project: `random-${planted++}` };
        await plant(rookery, world);
        const outcome = await compare(rookery, world);
        decisions += outcome.decisions;
        expect(outcome.different).toEqual([]);
      }),
      { numRuns: 30, endOnFailure: true, interruptAfterTimeLimit: 45_000 },
    );
    expect(decisions).toBeGreaterThan(100_000);
  });
}

function sabotageSuite(harness: Harness): void {
  const sabotages: [name: string, sql: (sql: string) => string][] = [
    [
      'that the asker is active',
      (sql) => sql.replace(/^EXISTS \([\s\S]*?\)\s+AND \(\s+EXISTS/, '1 = 1 AND (EXISTS'),
    ],
    ['the end of all memberships', (sql) => sql.replace('policy_any.expires_at > $3', '1 = 1')],
    ['the end of a membership', (sql) => sql.replace('policy_own.expires_at > $3', '1 = 1')],
    ['the project of a membership', (sql) => sql.replace('policy_own.project_id = m.project_id', '1 = 1')],
    ['the audience of a membership', (sql) => sql.replace('policy_own.scope = m.scope', '1 = 1')],
    ['the owner', (sql) => sql.replace('m.owner = $2', '1 = 1')],
    ['the receiver of the grant', (sql) => sql.replace('policy_grant.agent_id = $2', '1 = 1')],
    ['the scope of the grant', (sql) => sql.replace('policy_grant.scope = m.scope', '1 = 1')],
    ['the act of the grant', (sql) => sql.replace(/policy_grant\.action = \$\d/, '1 = 1')],
    ['the kind of resource', (sql) => sql.replace("policy_grant.resource = 'memory'", '1 = 1')],
    ['the expiry', (sql) => sql.replace('policy_grant.expires_at > $3', '1 = 1')],
    ['the revocation', (sql) => sql.replace('policy_grant.revoked_at IS NULL', '1 = 1')],
    [
      'whole segments',
      (sql) =>
        sql.replace(
          "length(policy_grant.prefix) + 1) = policy_grant.prefix || '/'",
          'length(policy_grant.prefix)) = policy_grant.prefix',
        ),
    ],
    ['the project', (sql) => sql.replace('policy_grant.project_id = m.project_id', '1 = 1')],
    ['the exception for append', (sql) => sql.replace(/AND \$\d <> 'append'/, '')],
  ];

  it('would notice the loss of any part of the predicate [S1 sabotage]', async () => {
    const rookery = await harness.open();
    const { world, outside } = matrix('matrix');
    await plant(rookery, world);
    await plant(rookery, outside);
    const unnoticed: string[] = [];
    for (const [name, sabotage] of sabotages) {
      const sql = (predicate: string) => {
        const damaged = sabotage(predicate);
        expect(damaged, name).not.toBe(predicate);
        return damaged;
      };
      const { different } = await compare(rookery, world, { sql, untilNoticed: true });
      if (different.length === 0) unnoticed.push(name);
    }
    expect(unnoticed).toEqual([]);
  });

  it('would notice levels compared as numbers [S2 sabotage]', async () => {
    const rookery = await harness.open();
    const { world } = matrix('matrix');
    await plant(rookery, world);
    const { different } = await compare(rookery, world, { oracle: byNumber });
    expect(different.length).toBeGreaterThan(0);
  });
}

const agents = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'];
const scopes = [
  'private:a',
  'private:b',
  'solo:c',
  'team:red',
  'team:blue',
  'swarm:one',
  'swarm:two',
  'project',
  'system',
];
const segments = ['acme', 'acme-corp', 'ac', 'x', '%', '_', 'ä', '𝄞', 'ACME'];
const path = fc
  .array(fc.constantFrom(...segments), { minLength: 2, maxLength: 3 })
  .map((parts) => parts.join('/'));
const prefix = fc.oneof(
  fc.constant(''),
  path,
  fc.constantFrom(...segments),
  path.map((text) => text.slice(0, -1).replace(/\/$/, '')),
);

const grant: fc.Arbitrary<Grant> = fc.record({
  agent: fc.constantFrom(...agents),
  act: fc.constantFrom(...acts),
  resource: fc.constantFrom('memory', 'memory', 'memory', 'mail'),
  scope: fc.constantFrom(...scopes),
  prefix,
  expiresAt: fc.constantFrom(worldNow + 1, worldNow + 1, worldNow + 1, worldNow, worldNow - 1),
  revokedAt: fc.constantFrom(null, null, null, worldNow - 1, worldNow + 1),
});

const membership = (scope: string): fc.Arbitrary<Membership> =>
  fc.record({
    scope: fc.constant(scope),
    expiresAt: fc.constantFrom(null, null, null, worldNow + 1, worldNow, worldNow - 1),
  });

/** Worlds of equal size, so that the number of decisions is known: 10 agents × 90 records × 4 acts. */
const worlds: fc.Arbitrary<Omit<World, 'project'>> = fc.record({
  identities: fc.tuple(
    ...agents.map((agent) =>
      fc.record({
        agent: fc.constant(agent),
        memberships: fc.subarray(scopes, { maxLength: 5 }).chain((own) => fc.tuple(...own.map(membership))),
      }),
    ),
  ),
  records: fc.uniqueArray(
    fc.record({ scope: fc.constantFrom(...scopes), owner: fc.constantFrom(...agents), path }),
    { minLength: 90, maxLength: 90, selector: (record) => `${record.scope}\n${record.path}` },
  ),
  grants: fc.array(grant, { minLength: 60, maxLength: 90 }),
});
