import { expect, it } from 'vitest';
import type { Harness } from '../../engines/index.ts';
import { everything } from '../../support/disk-contents.ts';
import { entriesOf, execute, select } from '../../support/statements.ts';
import { claim } from '../../support/tasks.ts';

const secret = 'a-secret-that-must-not-be-found';

/** What the ledger knows of tasks, that verification compares them with it, and that contents stay closed. */
export function evidenceSuite(harness: Harness): void {
  it('records each change once, finds every change behind its back, and none other', async () => {
    const rookery = await harness.open();
    const a = rookery.as('a');
    await a.tasks.createMany({
      tasks: [
        { id: 'x', title: 'x', backoffMs: 0 },
        { id: 'y', title: 'y', dependsOn: [{ task: 'x' }], payload: { n: 1 } },
        { id: 'z', title: 'z', dependsOn: [{ task: 'y' }] },
      ],
    });
    await a.tasks.fail({ ...(await claim(a)).held, error: 'e' });
    const { held } = await claim(a);
    await a.tasks.heartbeat(held);
    await a.tasks.progress({ ...held, percent: 50 });
    await a.tasks.complete({ ...held, result: 'r' });
    const ops = (await entriesOf(rookery)).map(({ op }) => op).filter((op) => op.startsWith('tasks.'));
    expect(ops).toEqual([
      ...Array.from({ length: 3 }, () => 'tasks.create'),
      'tasks.claim',
      // The attempt, and the task.
      'tasks.fail',
      'tasks.fail',
      'tasks.claim',
      'tasks.progress',
      'tasks.complete',
      'tasks.ready',
    ]);
    for (const [change, undo, kind = 'state-changed'] of [
      ["tasks SET status = 'in_progress' WHERE id = 'x'", "tasks SET status = 'completed' WHERE id = 'x'"],
      ["tasks SET status = 'pending' WHERE id = 'z'", "tasks SET status = 'blocked' WHERE id = 'z'"],
      ["tasks SET claimed_by = 'b' WHERE id = 'x'", "tasks SET claimed_by = 'a' WHERE id = 'x'"],
      ["tasks SET result = '1' WHERE id = 'x'", `tasks SET result = '"r"' WHERE id = 'x'`],
      [`tasks SET payload = '2' WHERE id = 'y'`, `tasks SET payload = '{"n":1}' WHERE id = 'y'`],
      [
        "tasks SET lane = 'l' WHERE id = 'y'",
        "tasks SET lane = (SELECT t.lane FROM tasks t WHERE t.id = 'z') WHERE id = 'y'",
      ],
      ["tasks SET place = place + 1 WHERE id = 'y'", "tasks SET place = place - 1 WHERE id = 'y'"],
      [
        "dependencies SET settled = 1 WHERE task_id = 'z'",
        "dependencies SET settled = 0 WHERE task_id = 'z'",
      ],
      [
        "dependencies SET depends_on = 'x' WHERE task_id = 'z'",
        "dependencies SET depends_on = 'y' WHERE task_id = 'z'",
      ],
      ["task_attempts SET error = 'f'", "task_attempts SET error = 'e'"],
    ] as const) {
      expect(await rookery.audit.verify()).toMatchObject({ ok: true });
      await execute(rookery, `UPDATE ${change}`);
      const { findings } = await rookery.audit.verify();
      expect(new Set(findings.map((finding) => finding.kind)), change).toEqual(new Set([kind]));
      await execute(rookery, `UPDATE ${undo}`);
    }
    await execute(rookery, "DELETE FROM tasks WHERE id = 'z'");
    const { findings } = await rookery.audit.verify();
    expect(findings.map(({ kind }) => kind)).toEqual(['state-missing']);
  });

  it('leaves no plaintext of what closed tasks say, and no content in the ledger', async () => {
    const rookery = await harness.open();
    await rookery.fleet.register({ id: 'a', team: 'red', system: true });
    const a = rookery.as('a');
    const said = { description: secret, payload: { secret }, metadata: { secret } };
    for (const level of ['private', 'team', 'system'] as const) {
      await a.tasks.create({ id: level, title: level, level, backoffMs: 0, ...said });
      await a.tasks.fail({ ...(await claim(a)).held, error: secret });
      const { held, task } = await claim(a);
      expect(task).toMatchObject({ id: level, ...said, error: secret });
      await a.tasks.progress({ ...held, percent: 1, note: secret });
      const artifacts = [
        { name: 'n', path: `/${secret}`, url: secret, s3Path: secret, metadata: { secret } },
      ];
      await a.tasks.complete({ ...held, result: [secret], artifacts });
      expect(await a.tasks.get({ task: level })).toMatchObject({
        ...said,
        note: secret,
        result: [secret],
        attempts: [{ error: secret }],
      });
      await a.tasks.create({ id: `${level}-2`, title: 'update', level });
      await a.tasks.update({ task: `${level}-2`, ...said });
      await a.tasks.cancel({ task: `${level}-2`, reason: secret });
    }
    const disk = await everything(rookery, harness.engine);
    expect(disk.includes(secret)).toBe(false);
    expect(disk.includes(Buffer.from(secret).toString('hex'))).toBe(false);
    await a.tasks.create({ title: 'open', ...said });
    expect((await everything(rookery, harness.engine)).includes(secret)).toBe(true);
    expect(JSON.stringify(await entriesOf(rookery))).not.toContain(secret);
    expect(await rookery.audit.verify()).toMatchObject({ ok: true, findings: [] });
    const [{ clear }] = (await select<{ clear: number }>(
      rookery,
      "SELECT count(*) AS clear FROM tasks WHERE level <> 'project' AND sealed IS NULL",
    )) as [{ clear: number }];
    expect(clear).toBe(0);
  });

  it('seals tasks anew when keys are replaced, and loses all of an agent that is erased', async () => {
    const rookery = await harness.open();
    const [a, b] = [rookery.as('a'), rookery.as('b')];
    await a.tasks.create({ id: 'own', title: 'own', level: 'private', payload: secret, backoffMs: 0 });
    await a.tasks.fail({ ...(await claim(a)).held, error: secret });
    const { held } = await claim(a);
    const artifacts = [{ id: 'file', name: 'n', path: secret }];
    await a.tasks.progress({ ...held, percent: 5, note: secret });
    await a.tasks.complete({ ...held, result: secret, artifacts });
    await a.tasks.create({ id: 'open', title: 'open', assignee: 'nobody' });
    await a.artifacts.add({ id: 'report', name: 'r' });
    await a.conflicts.record({ type: 'data', agents: ['b'], description: secret, level: 'private' });
    await a.conflicts.record({ type: 'data', agents: ['b'], description: 'open' });
    await b.tasks.create({ id: 'waits', title: 'waits', dependsOn: [{ task: 'open' }] });
    await a.tasks.create({ id: 'done', title: 'done', assignee: 'a' });
    await a.tasks.complete((await claim(a)).held);
    await b.tasks.create({ id: 'waited', title: 'waited', assignee: 'b', dependsOn: [{ task: 'done' }] });
    await rookery.keys.rotate({ all: true });
    await rookery.keys.status({ waitMs: 30_000 });
    expect(await a.tasks.get({ task: 'own' })).toMatchObject({
      payload: secret,
      result: secret,
      note: secret,
      attempts: [{ error: secret }],
    });
    expect(await a.artifacts.get({ id: 'file' })).toMatchObject({ path: secret });
    expect(await rookery.audit.verify()).toMatchObject({ ok: true, findings: [] });

    const receipt = await rookery.keys.erase({ agent: 'a', owned: true });
    expect(receipt!.records).toMatchObject({ tasks: 3, artifacts: 2, conflicts: 2 });
    expect(await rookery.audit.verify()).toMatchObject({ ok: true, findings: [] });
    expect(await b.tasks.get({ task: 'open' })).toBeNull();
    expect(await b.tasks.get({ task: 'waits' })).toMatchObject({ status: 'pending', dependsOn: [] });
    expect(await b.tasks.get({ task: 'waited' })).toMatchObject({ status: 'pending', dependsOn: [] });
    // Another one under the same id is nothing that anybody has waited for.
    await b.tasks.create({ id: 'done', title: 'anew' });
    expect(await rookery.audit.verify()).toMatchObject({ ok: true, findings: [] });
    expect((await b.conflicts.list()).conflicts).toEqual([]);
    const left = await select(rookery, "SELECT task_id FROM task_attempts WHERE task_id = 'own'");
    expect(left).toEqual([]);
  });
}
