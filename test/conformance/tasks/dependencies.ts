import { expect, it } from 'vitest';
import type { Harness } from '../../engines/index.ts';
import { ManualClock } from '../../support/clock.ts';
import { entriesOf } from '../../support/statements.ts';
import { claim, drain } from '../../support/tasks.ts';

export function dependencySuite(harness: Harness): void {
  it('hands out a task when all that it depends on is done, and a join exactly once [TK2] [TK8] [TK-x4]', async () => {
    const rookery = await harness.open();
    const [a, b] = [rookery.as('a'), rookery.as('b')];
    await a.tasks.createMany({
      tasks: [
        { id: 'join', title: 'join', dependsOn: [{ task: 'left' }, { task: 'right' }] },
        { id: 'left', title: 'left', dependsOn: [{ task: 'root' }] },
        { id: 'right', title: 'right', dependsOn: [{ task: 'root' }] },
        { id: 'root', title: 'root' },
      ],
    });
    expect((await a.tasks.list({ status: 'blocked' })).tasks.map(({ id }) => id)).toEqual([
      'join',
      'left',
      'right',
    ]);
    const root = await claim(a);
    expect(root.task.id).toBe('root');
    expect(await a.tasks.claim()).toBeNull();
    await a.tasks.complete(root.held);
    const [left, right] = [await claim(a), await claim(b)];
    expect([left.task.id, right.task.id].sort()).toEqual(['left', 'right']);
    expect(await a.tasks.get({ task: 'join' })).toMatchObject({ status: 'blocked', readyAt: null });
    await Promise.all([a.tasks.complete(left.held), b.tasks.complete(right.held)]);
    expect(await drain(a)).toEqual(['join']);
    expect(await a.tasks.get({ task: 'join' })).toMatchObject({
      dependsOn: [
        { task: 'left', onFailure: 'block', settled: true },
        { task: 'right', onFailure: 'block', settled: true },
      ],
    });
    const freed = (await entriesOf(rookery)).filter(({ op }) => op === 'tasks.ready');
    expect(freed).toHaveLength(3);
    // One that depends on what is done already can be taken at once.
    expect(await a.tasks.create({ title: 'late', dependsOn: [{ task: 'root' }] })).toMatchObject({
      status: 'pending',
    });
  });

  it('forgets what was over for long, page by page, and nothing that is waited for', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const a = rookery.as('a');
    await a.tasks.createMany({
      tasks: ['x', 'y', 'z'].map((id) => ({
        id,
        title: id,
        ...(id === 'z' && { dependsOn: [{ task: 'y' }] }),
      })),
    });
    await a.tasks.complete({ ...(await claim(a)).held, artifacts: [{ name: 'made' }] });
    await a.tasks.create({ id: 'after-x', title: 't', priority: 9, dependsOn: [{ task: 'x' }] });
    await a.tasks.fail({ ...(await claim(a)).held, error: 'e', retryable: false });
    clock.advance(1000);
    const prune = async (olderThanMs: number) => {
      let pruned = 0;
      for (let cursor: string | null = ''; cursor !== null; ) {
        const page: { pruned: number; nextCursor: string | null } = await rookery.tasks.prune({
          ...{ olderThanMs, limit: 1, cursor },
        });
        [pruned, cursor] = [pruned + page.pruned, page.nextCursor];
      }
      return pruned;
    };
    expect([await prune(1000), await prune(999), await prune(0)]).toEqual([0, 1, 0]);
    expect((await a.tasks.list()).tasks.map(({ id }) => id)).toEqual(['after-x', 'y', 'z']);
    await a.tasks.cancel({ task: 'z' });
    clock.advance(1);
    expect(await prune(0)).toBe(2);
    // Another one under its id is not what was waited for.
    await a.tasks.create({ id: 'x', title: 'anew' });
    expect((await rookery.audit.verify()).findings).toEqual([]);
    await expect(rookery.tasks.prune({ cursor: 'x' })).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    await expect(a.tasks.prune()).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });

  it('blocks, spreads or ignores a failure, as each dependency says', async () => {
    const rookery = await harness.open();
    const a = rookery.as('a');
    const make = (id: string, dependsOn: { task: string; onFailure?: 'block' | 'cascade' | 'ignore' }[]) =>
      a.tasks.create({ id, title: id, dependsOn });
    const statusOf = async (...ids: string[]) =>
      Promise.all(ids.map(async (id) => `${id} ${(await a.tasks.get({ task: id }))!.status}`));
    await make('base', []);
    await make('blocks', [{ task: 'base' }]);
    await make('falls', [{ task: 'base', onFailure: 'cascade' }]);
    await make('falls-too', [{ task: 'falls', onFailure: 'cascade' }]);
    await make('goes-on', [{ task: 'base', onFailure: 'ignore' }]);
    await make('after-fall', [{ task: 'falls-too', onFailure: 'ignore' }]);
    await a.tasks.fail({ ...(await claim(a)).held, error: 'e', retryable: false });
    expect(await statusOf('blocks', 'falls', 'falls-too', 'goes-on', 'after-fall')).toEqual([
      'blocks blocked',
      'falls failed',
      'falls-too failed',
      'goes-on pending',
      'after-fall pending',
    ]);
    expect((await a.tasks.get({ task: 'falls-too' }))!.error).toBe('dependency falls failed');
    expect(await make('late', [{ task: 'falls', onFailure: 'cascade' }])).toMatchObject({ status: 'failed' });

    // A dead letter that is retried: what it blocked waits for it again, what went on without it goes on.
    await a.tasks.retry({ task: 'falls' });
    await a.tasks.retry({ task: 'base' });
    expect(await statusOf('blocks', 'falls', 'goes-on')).toEqual([
      'blocks blocked',
      'falls blocked',
      'goes-on pending',
    ]);
    expect(await rookery.audit.verify()).toMatchObject({ ok: true, findings: [] });
    expect((await drain(a)).sort()).toEqual(['after-fall', 'base', 'goes-on']);
    await a.tasks.cancel({ task: 'base' });
    expect(await statusOf('blocks', 'falls')).toEqual(['blocks blocked', 'falls cancelled']);
    await a.tasks.removeDependency({ task: 'blocks', dependsOn: 'base' });
    expect(await drain(a)).toEqual(['blocks']);
    // Under another policy it is another dependency.
    await make('ignores', [{ task: 'base', onFailure: 'ignore' }]);
    const waits = await a.tasks.addDependency({ task: 'ignores', dependsOn: 'base', onFailure: 'block' });
    expect(waits).toMatchObject({ status: 'blocked', dependsOn: [{ onFailure: 'block', settled: false }] });
    expect(await rookery.audit.verify()).toMatchObject({ ok: true, findings: [] });
    const goes = await a.tasks.addDependency({ task: 'ignores', dependsOn: 'base', onFailure: 'ignore' });
    expect(goes).toMatchObject({ status: 'pending', dependsOn: [{ settled: true }] });
  });

  it('refuses a cycle, and names it in order [TK4]', async () => {
    const rookery = await harness.open();
    const a = rookery.as('a');
    const cycle = (...names: string[]) => ({
      code: 'INVALID_INPUT',
      message: `dependsOn: ${names.join(' → ')} is a cycle`,
      details: { field: 'dependsOn', cycle: names },
    });
    await expect(a.tasks.create({ id: 's', title: 's', dependsOn: [{ task: 's' }] })).rejects.toMatchObject(
      cycle('s', 's'),
    );
    const task = (id: string, ...others: string[]) => ({
      id,
      title: id,
      dependsOn: others.map((other) => ({ task: other })),
    });
    await expect(
      a.tasks.createMany({ tasks: [task('x'), task('p', 'q', 'x'), task('q', 'r'), task('r', 'p')] }),
    ).rejects.toMatchObject(cycle('p', 'q', 'r', 'p'));
    expect((await a.tasks.list()).tasks).toEqual([]);
    await a.tasks.createMany({ tasks: [task('c', 'b'), task('b', 'a'), task('a'), task('side', 'a')] });
    await expect(a.tasks.addDependency({ task: 'a', dependsOn: 'c' })).rejects.toMatchObject(
      cycle('a', 'c', 'b', 'a'),
    );
    await expect(a.tasks.addDependency({ task: 'a', dependsOn: 'a' })).rejects.toMatchObject(cycle('a', 'a'));
    expect(await a.tasks.addDependency({ task: 'c', dependsOn: 'side' })).toMatchObject({
      dependsOn: [{ task: 'b' }, { task: 'side' }],
    });
    // Somebody else's task on the way round has no name here.
    const own = await rookery.as('z').tasks.create({
      id: 'hidden',
      title: 'h',
      level: 'private',
      dependsOn: [{ task: 'c' }],
    });
    expect(own.status).toBe('blocked');
    await rookery.as('z').tasks.create({ id: 'open', title: 'o', dependsOn: [{ task: 'hidden' }] });
    await expect(a.tasks.addDependency({ task: 'a', dependsOn: 'open' })).rejects.toMatchObject({
      details: { cycle: ['a', 'open', '(not visible)', 'c', 'b', 'a'] },
    });
    await expect(a.tasks.create({ title: 't', dependsOn: [{ task: 'hidden' }] })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });

  it('lets only its holder make a task wait that is worked on; removing the last dependency frees it [TK-x4]', async () => {
    const rookery = await harness.open();
    const [a, b] = [rookery.as('a'), rookery.as('b')];
    await a.tasks.create({ id: 'x', title: 'x', maxAttempts: 1 });
    const { held } = await claim(a);
    await a.tasks.create({ id: 'first', title: 'first', assignee: 'b' });
    const wanted = { task: 'x', dependsOn: 'first' };
    await expect(b.tasks.addDependency(wanted)).rejects.toMatchObject({ code: 'REVISION_CONFLICT' });
    await expect(b.tasks.addDependency({ ...wanted, token: held.token })).rejects.toMatchObject({
      code: 'FENCED',
    });
    expect(await a.tasks.addDependency({ ...wanted, token: held.token })).toMatchObject({
      status: 'blocked',
      failures: 0,
      claim: null,
    });
    await expect(a.tasks.complete(held)).rejects.toMatchObject({ code: 'FENCED' });
    expect(await a.tasks.claim()).toBeNull();
    await b.tasks.complete((await claim(b)).held);
    const again = await claim(a);
    expect(again.task).toMatchObject({ id: 'x', attempt: 2 });
    // What is settled already takes nothing away.
    await a.tasks.create({ id: 'second', title: 's', assignee: 'b' });
    await b.tasks.complete((await claim(b)).held);
    const dependent = await a.tasks.addDependency({
      task: 'x',
      dependsOn: 'second',
      token: again.held.token,
    });
    expect(dependent).toMatchObject({ status: 'in_progress' });
    await a.tasks.complete(again.held);
    await expect(a.tasks.addDependency({ task: 'x', dependsOn: 'first' })).rejects.toMatchObject({
      code: 'REVISION_CONFLICT',
    });
  });
}
