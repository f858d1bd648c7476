import { expect, it } from 'vitest';
import { rights } from '../../../src/kernel/access/model.ts';
import type { Rookery } from '../../../src/rookery.ts';
import type { Harness } from '../../engines/index.ts';
import { finish, missionWith } from '../../support/missions.ts';
import { execute } from '../../support/statements.ts';

async function populate(rookery: Rookery, project: string): Promise<void> {
  const a = rookery.as('a', { project });
  const { sorties } = await missionWith(a, 4);
  await finish(a, sorties[0]!.id);
  await a.sorties.remove({ id: sorties[3]!.id });
  await a.messages.send({ mailbox: 'team', content: 'hello' });
  await a.messages.send({ mailbox: 'inbox/a', content: 'to me' });
}

const edits: [sql: string, kind: string][] = [
  ["UPDATE missions SET status = 'completed' WHERE revision > 0", 'state-changed'],
  ['UPDATE missions SET completed_sorties = 3 WHERE revision > 0', 'state-changed'],
  ["UPDATE sorties SET assigned_to = 'eve' WHERE status = 'pending'", 'state-changed'],
  ["DELETE FROM sorties WHERE status = 'pending'", 'state-missing'],
  ["UPDATE checkpoints SET active_locks = '[1]' WHERE revision > 0", 'state-changed'],
  ['DELETE FROM checkpoints WHERE revision > 0', 'state-missing'],
  ["UPDATE messages SET content = '7' WHERE mailbox_id = 'team'", 'state-changed'],
  ["UPDATE messages SET status = 'acked' WHERE mailbox_id = 'inbox/a'", 'state-changed'],
  ["UPDATE messages SET author = 'eve' WHERE mailbox_id = 'team'", 'state-changed'],
];

/** What `audit verify` sees of missions. */
export function missionVerificationSuite(harness: Harness): void {
  it('finds every edit by plain SQL [A4]', async () => {
    const rookery = await harness.open({ durability: 'relaxed' });
    for (const [i, [sql, kind]] of edits.entries()) {
      const project = `p${i}`;
      await populate(rookery, project);
      const { audit } = rookery.as('a', { project, rights });
      if (i === 0) expect((await audit.verify({})).findings).toEqual([]);
      await execute(rookery, `${sql} AND project_id = $1`, project);
      const kinds = (await audit.verify({})).findings.map((finding) => finding.kind);
      expect(kinds, sql).toContain(kind);
    }
  });

  it('goes with its maker when all that the maker owns is to go', async () => {
    const rookery = await harness.open();
    await populate(rookery, 'default');
    const b = rookery.as('b');
    const kept = await missionWith(b, 1);
    await rookery.as('a').sorties.create({ title: 'Mine', missionId: kept.mission.id });
    const sent = await rookery.as('a').messages.send({ mailbox: 'inbox/b', content: 'from a' });
    await rookery.keys.erase({ agent: 'a', owned: true, reason: 'asked for', waitMs: 0 });
    expect((await b.missions.list({})).missions).toMatchObject([{ id: kept.mission.id, totalSorties: 1 }]);
    expect((await b.sorties.list({})).total).toBe(1);
    expect((await b.checkpoints.count({})).checkpoints).toBe(0);
    expect(await b.messages.get({ id: sent.id })).toBeNull();
    expect((await rookery.audit.verify({})).findings).toEqual([]);
  });
}
