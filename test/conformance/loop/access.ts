import { expect, it } from 'vitest';
import type { Rookery } from '../../../src/rookery.ts';
import type { Harness } from '../../engines/index.ts';
import { ManualClock } from '../../support/clock.ts';
import { everything } from '../../support/disk-contents.ts';
import { denials } from '../../support/ledger.ts';
import { agreement, report, result, ruling } from '../../support/loop.ts';
import { execute, select } from '../../support/statements.ts';

const phase = 'auth';

interface GrantRead {
  readonly agent_id: string;
  readonly entity_id: string;
  readonly swarm_id: string;
  readonly acl_level: number;
  readonly metadata: string;
}

const grantReads = (rookery: Rookery) =>
  select<GrantRead>(
    rookery,
    `SELECT agent_id, entity_id, swarm_id, acl_level, metadata FROM audit_log
     WHERE action = 'role_grant_read' AND category = 'cfn-loop' ORDER BY seq`,
  );

const phrases = [
  report.reasoning!,
  'auth-middleware.js',
  ruling.reasoning!,
  ...ruling.deferredIssues!,
  ...ruling.nextActions!,
];

/** Who reads what: levels, the role of validators, and what is found by who looks at the disk. */
export function loopAccessSuite(harness: Harness): void {
  it('shows a confidence to its agent alone [CF-C01]', async () => {
    const rookery = await harness.open();
    await rookery.as('coder-1').loop.reportConfidence({ ...report, level: 'swarm', encrypt: false });
    await rookery.fleet.register({ id: 'system', system: true });
    for (const other of ['coder-2', 'system', 'validator-1']) {
      const { loop } = rookery.as(other);
      expect(await loop.confidences({ phase })).toEqual({ confidences: [], nextCursor: null });
      expect(await loop.confidences({ phase, agent: 'coder-1' })).toMatchObject({ confidences: [] });
      expect(await loop.gate({ phase })).toMatchObject({ passed: false, agents: [] });
    }
    expect((await rookery.as('coder-1').loop.confidences({ phase })).confidences).toHaveLength(1);
    // Asking for somebody else's is a denial, whether or not there is anything.
    await rookery.as('coder-2').loop.confidences({ phase: 'unknown', agent: 'coder-1' });
    const refused = await denials(rookery, 'coder-2');
    expect(refused.map(({ scope }) => scope)).toEqual(['private:coder-1', 'private:coder-1']);
  });

  it('opens the confidences of a swarm to its validators while their role is in force, each read audited [CF-C03]', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const coder = rookery.as('coder-1', { swarm: 'auth-swarm' });
    await coder.loop.reportConfidence(report);
    await rookery
      .as('coder-2', { swarm: 'auth-swarm' })
      .loop.reportConfidence({ ...report, confidence: 0.7 });
    await rookery.as('coder-3', { swarm: 'elsewhere' }).loop.reportConfidence(report);
    const role = await rookery.roles.grant({
      ...{ agent: 'validator-1', role: 'validator', swarm: 'auth-swarm', ttl: 60 },
    });
    const { loop } = rookery.as('validator-1', { swarm: 'auth-swarm' });
    const { confidences } = await loop.confidences({ phase });
    expect(confidences.map(({ agent }) => agent)).toEqual(['coder-2', 'coder-1']);
    expect(confidences[1]).toMatchObject(report);
    const reads = await grantReads(rookery);
    expect(reads).toHaveLength(2);
    expect(reads[1]).toMatchObject({
      ...{ agent_id: 'validator-1', entity_id: role.id, swarm_id: 'auth-swarm', acl_level: 1 },
      metadata: JSON.stringify({ owner: 'coder-1', key: 'cfn/phase-auth/loop3/confidence/coder-1' }),
    });
    // Every read, not the first of a minute; and only what was read.
    await loop.confidences({ phase, agent: 'coder-1' });
    await loop.confidences({ phase, limit: 1 });
    expect(await loop.gate({ phase })).toMatchObject({ passed: false, below: ['coder-2'] });
    expect(await grantReads(rookery)).toHaveLength(6);
    expect((await coder.loop.confidences({ phase })).confidences).toHaveLength(1);
    expect((await loop.confidences({ phase, swarm: 'elsewhere' })).confidences).toEqual([]);
    expect((await loop.decisions({ phase })).decisions).toEqual([]);
    clock.advance(60_000);
    expect((await loop.confidences({ phase })).confidences).toEqual([]);
    await rookery.roles.grant({ agent: 'validator-1', role: 'validator', swarm: 'auth-swarm' });
    expect((await loop.confidences({ phase })).confidences).toHaveLength(2);
    await rookery.roles.revoke({ agent: 'validator-1', role: 'validator', swarm: 'auth-swarm' });
    expect((await loop.confidences({ phase })).confidences).toEqual([]);
    expect(await grantReads(rookery)).toHaveLength(8);
  });

  it('opens nothing to a validator of another swarm, nor to other roles [CF-C03]', async () => {
    const rookery = await harness.open();
    await rookery.as('coder-1', { swarm: 'one' }).loop.reportConfidence(report);
    await rookery.roles.grant({ agent: 'v2', role: 'validator', swarm: 'two' });
    await rookery.roles.grant({ agent: 'c1', role: 'coordinator', swarm: 'one' });
    await rookery.roles.grant({ agent: 'p1', role: 'product-owner', swarm: 'one' });
    for (const id of ['v2', 'c1', 'p1'])
      expect((await rookery.as(id).loop.confidences({ phase, swarm: 'one' })).confidences).toEqual([]);
    expect(await grantReads(rookery)).toEqual([]);
  });

  it('shows a consensus to the swarm, and narrower where that was asked for', async () => {
    const rookery = await harness.open();
    const [a, b] = [rookery.as('a', { swarm: 's' }), rookery.as('b', { swarm: 's' })];
    const outside = rookery.as('outside', { swarm: 'other' });
    await a.loop.recordConsensus({ ...agreement, level: 'project' });
    expect(await b.loop.consensus({ phase })).toMatchObject({ level: 'swarm', id: 'consensus-1' });
    expect(await outside.loop.consensus({ phase, swarm: 's' })).toBeNull();
    expect(await outside.loop.state({ phase, swarm: 's' })).toMatchObject({ action: 'start_fresh' });
    expect(await denials(rookery, 'outside')).toHaveLength(2);
    await a.loop.recordConsensus({ ...agreement, id: 'own', level: 'private', currentScore: 0.97 });
    expect(await b.loop.consensus({ phase })).toMatchObject({ id: 'consensus-1' });
    expect(await b.loop.consensus({ phase, id: 'own' })).toBeNull();
    expect(await a.loop.consensus({ phase })).toMatchObject({ id: 'own', level: 'private' });
    const foreign = outside.loop.recordConsensus({ ...agreement, swarm: 's' });
    await expect(foreign).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });

  it('lets the system audience alone decide and read decisions [CF-C05, CF-R07, CF-R17]', async () => {
    const rookery = await harness.open();
    await rookery.roles.grant({ agent: 'product-owner', role: 'product-owner', swarm: 'default' });
    const owner = rookery.as('product-owner');
    const coder = rookery.as('coder-1');
    await expect(coder.loop.decide(ruling)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await expect(coder.loop.decide({ ...ruling, level: 'private' })).rejects.toMatchObject({
      code: 'FORBIDDEN',
    });
    await owner.loop.decide({ ...ruling, level: 'project', encrypt: false });
    expect((await coder.loop.decisions({ phase })).decisions).toEqual([]);
    expect((await owner.loop.decisions({ phase })).decisions).toMatchObject([{ level: 'system' }]);
    expect(await denials(rookery, 'coder-1')).toMatchObject(
      Array.from({ length: 3 }, () => ({ scope: 'system', risk: 'medium' })),
    );
    await rookery.roles.revoke({ agent: 'product-owner', role: 'product-owner', swarm: 'default' });
    // The owner reads its own, and decides no more.
    expect((await owner.loop.decisions({ phase })).decisions).toHaveLength(1);
    await expect(owner.loop.decide({ ...ruling, id: 'd2' })).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });

  it('leaves nothing of what is private or of the system in clear on disk [CF-C01, CF-C05]', async () => {
    const rookery = await harness.open();
    await rookery.fleet.register({ id: 'product-owner', system: true });
    await rookery.as('coder-1').loop.reportConfidence({ ...report, encrypt: false });
    const owner = rookery.as('product-owner');
    const { tasks } = await owner.loop.decide({ ...ruling, encrypt: false });
    // What is said anew of a deferred issue is as hidden as the issue was.
    await owner.tasks.update({ task: tasks[0]!, description: `${ruling.deferredIssues![0]}, later` });
    await owner.loop.recordConsensus({
      ...agreement,
      encrypt: true,
      validationResults: [result('v1', 0.123456)],
    });
    const disk = async () => {
      const bytes = await everything(rookery, harness.engine);
      return [...phrases, 'rotate the keys', '0.123456'].filter((phrase) => bytes.includes(phrase));
    };
    expect(await disk()).toEqual([]);
    // The search does find what is in clear: at the swarm, where that was not asked for.
    await owner.loop.recordConsensus({
      ...agreement,
      id: 'open',
      validationResults: [result('v1', 0.123456)],
    });
    expect(await disk()).toEqual(['rotate the keys', '0.123456']);
  });

  it('finds what was changed by plain SQL [CF-C11]', async () => {
    const edits: [sql: string, kind: string][] = [
      ["UPDATE loop_consensus SET value = replace(value, '0.92', '0.99')", 'state-changed'],
      ['UPDATE loop_consensus SET score = 0.99', 'state-changed'],
      ["UPDATE loop_consensus SET status = 'failed'", 'state-changed'],
      ['UPDATE loop_consensus SET iteration = 7', 'state-changed'],
      ["UPDATE loop_consensus SET owner = 'eve'", 'state-changed'],
      ["UPDATE loop_votes SET value = replace(value, '0.92', '0.99') WHERE position = 1", 'state-changed'],
      ["UPDATE loop_votes SET validator = 'eve' WHERE validator = 'validator-1'", 'state-foreign'],
      ["DELETE FROM loop_votes WHERE validator = 'validator-1'", 'state-missing'],
      ['UPDATE loop_confidences SET expires_at = expires_at + 1', 'state-changed'],
      ['UPDATE loop_confidences SET iteration = 2', 'state-foreign'],
      ["UPDATE loop_decisions SET scope = 'project'", 'state-foreign'],
      ['UPDATE loop_decisions SET sealed = NULL', 'state-changed'],
      ['DELETE FROM loop_decisions', 'state-missing'],
    ];
    const rookery = await harness.open();
    for (const [i, [sql, kind]] of edits.entries()) {
      const project = `p${i}`;
      const administrator = rookery.as('admin', { project, rights: ['read', 'write', 'admin'] });
      await administrator.loop.reportConfidence(report);
      await administrator.loop.recordConsensus(agreement);
      await administrator.loop.decide(ruling);
      expect(await administrator.audit.verify(), sql).toMatchObject({ ok: true });
      const where = `project_id = '${project}'`;
      expect(
        await execute(rookery, sql.includes('WHERE') ? `${sql} AND ${where}` : `${sql} WHERE ${where}`),
      ).toBe(1);
      const { findings } = await administrator.audit.verify();
      expect(
        findings.map((finding) => finding.kind),
        sql,
      ).toContain(kind);
    }
  });

  it('is sealed anew when keys rotate, and gone when its agent is erased', async () => {
    const rookery = await harness.open();
    await rookery.fleet.register({ id: 'product-owner', system: true });
    const [coder, owner] = [rookery.as('coder-1'), rookery.as('product-owner')];
    await coder.loop.reportConfidence(report);
    await coder.loop.recordConsensus({ ...agreement, encrypt: true });
    await owner.loop.recordConsensus({ ...agreement, id: 'own', level: 'private' });
    await owner.loop.decide(ruling);
    await rookery.keys.rotate({ all: true });
    expect(await rookery.keys.status({ waitMs: 30_000 })).toMatchObject({ rotation: { state: 'done' } });
    expect((await coder.loop.confidences({ phase })).confidences).toMatchObject([report]);
    expect(await coder.loop.consensus({ phase })).toMatchObject(agreement);
    expect(await owner.loop.consensus({ phase })).toMatchObject({ ...agreement, id: 'own' });
    expect((await owner.loop.decisions({ phase })).decisions).toMatchObject([ruling]);
    expect(await rookery.keys.erase({ agent: 'coder-1', owned: true })).toMatchObject({ state: 'done' });
    expect((await coder.loop.confidences({ phase })).confidences).toEqual([]);
    expect(await coder.loop.consensus({ phase })).toBeNull();
    expect(await select(rookery, "SELECT 1 AS found FROM loop_votes WHERE owner = 'coder-1'")).toEqual([]);
    expect((await owner.loop.decisions({ phase })).decisions).toHaveLength(1);
    expect(await rookery.audit.verify()).toMatchObject({ ok: true, findings: [] });
  });
}
