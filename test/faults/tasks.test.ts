import { expect, it } from 'vitest';
import { openRookery } from '../../src/rookery.ts';
import { entries } from '../support/ledger.ts';
import { type Child, ended, memory, start, temporaryFolder } from '../support/processes.ts';
import { until } from '../support/until.ts';

/** Tasks among processes that race, and processes that die. */

function worker(path: string, name: string, callers: string, leaseMs: number): Child {
  return start('test/faults/children/worker.ts', [path, name, callers, String(leaseMs)]);
}

async function linesOf(child: Child, killAfter = Number.POSITIVE_INFINITY): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of child.lines) {
    lines.push(line);
    if (lines.length === killAfter) child.process.kill('SIGKILL');
  }
  await ended(child.process);
  return lines;
}

const diamonds = process.env['ROOKERY_FAULTS'] === 'all' ? 500 : 40;

/** A root, two sides and a join, many times: which side is done last is decided between processes. */
function diamond(n: number) {
  const task = (name: string, ...others: string[]) => ({
    id: `${name}-${n}`,
    title: name,
    backoffMs: 0,
    maxAttempts: 100,
    dependsOn: others.map((other) => ({ task: `${other}-${n}` })),
  });
  return [task('root'), task('left', 'root'), task('right', 'root'), task('join', 'left', 'right')];
}

it('hands each attempt to one of four processes, and each join out once [TK1] [TK2] [TK-x1] [TK-x4]', {
  timeout: 240_000,
}, async () => {
  const path = temporaryFolder(memory);
  await using rookery = await openRookery({ path });
  const all = Array.from({ length: diamonds }, (_, n) => diamond(n)).flat();
  for (let i = 0; i < all.length; i += 1000)
    await rookery.tasks.createMany({ tasks: all.slice(i, i + 1000) });
  const children = ['a', 'b', 'c', 'd'].map((name) => worker(path, name, '4', 60_000));
  const claims = (await Promise.all(children.map((child) => linesOf(child)))).flat();
  expect(children.map(({ process }) => process.exitCode)).toEqual([0, 0, 0, 0]);
  expect(claims).toHaveLength(all.length);
  expect(new Set(claims.map((line) => line.split(' ').slice(0, 2).join(' '))).size).toBe(all.length);
  const tokens = claims.map((line) => Number(line.split(' ')[2]));
  expect(new Set(tokens).size).toBe(all.length);
  // Three of each diamond were blocked, and each came free once.
  expect(await entries(rookery, 'tasks.ready')).toHaveLength(3 * diamonds);
  expect(await entries(rookery, 'tasks.complete')).toHaveLength(all.length);
  const token = new Map(claims.map((line) => [line.split(' ')[0]!, Number(line.split(' ')[2])]));
  for (let n = 0; n < diamonds; n++) {
    const at = (name: string) => token.get(`${name}-${n}`)!;
    // Tokens grow in the order of commits.
    expect(at('join')).toBeGreaterThan(Math.max(at('left'), at('right')));
    expect(Math.min(at('left'), at('right'))).toBeGreaterThan(at('root'));
  }
  expect(await rookery.audit.verify()).toMatchObject({ ok: true, findings: [] });
});

it('counts one attempt for a process that dies between the commit of its claim and the answer [TK-x3]', async () => {
  const path = temporaryFolder(memory);
  await using rookery = await openRookery({ path });
  await rookery.fleet.register({ id: 'lost' });
  await rookery.tasks.create({ id: 'x', title: 'x', backoffMs: 0 });
  const child = worker(path, 'lost', 'first-claim', 400);
  expect(await linesOf(child)).toEqual([]);
  expect(child.process.signalCode).toBe('SIGKILL');
  expect(await rookery.tasks.get({ task: 'x' })).toMatchObject({ status: 'in_progress', attempt: 1 });
  const next = (await rookery.as('b').tasks.claim({ waitMs: 60_000 }))!;
  expect(next.task).toMatchObject({ id: 'x', attempt: 2, failures: 1 });
  await rookery.as('b').tasks.complete({ task: 'x', token: next.claim.token });
  expect((await rookery.tasks.get({ task: 'x' }))!.attempts).toMatchObject([
    { attempt: 1, agent: 'lost', outcome: 'expired' },
  ]);
  expect(await rookery.audit.verify()).toMatchObject({ ok: true, findings: [] });
});

it('loses no task and does none twice when workers are killed at any moment [TK5] [TK9]', {
  timeout: 240_000,
}, async () => {
  const path = temporaryFolder(memory);
  await using rookery = await openRookery({ path });
  const all = Array.from({ length: diamonds }, (_, n) => diamond(n)).flat();
  for (let i = 0; i < all.length; i += 1000)
    await rookery.tasks.createMany({ tasks: all.slice(i, i + 1000) });
  const victims = ['v', 'w'].map((name, i) => linesOf(worker(path, name, '4', 300), 9 + 11 * i));
  const survivor = linesOf(worker(path, 'survivor', '4', 300));
  const claims = (await Promise.all([...victims, survivor])).flat();
  await until('everything is done', async () => {
    const { tasks } = await rookery.tasks.list({ status: 'completed', limit: 1000 });
    return tasks.length >= Math.min(all.length, 1000);
  });
  expect(new Set(claims.map((line) => line.split(' ').slice(0, 2).join(' '))).size).toBe(claims.length);
  expect(await entries(rookery, 'tasks.complete')).toHaveLength(all.length);
  for (const { id } of all) {
    const { attempt, failures, attempts } = (await rookery.tasks.get({ task: id }))!;
    // Every claim but the last one ran out.
    expect(attempts.map((each) => each.attempt)).toEqual(
      Array.from({ length: attempt - 1 }, (_, i) => i + 1),
    );
    expect(failures).toBe(attempts.length);
  }
  expect(await rookery.audit.verify()).toMatchObject({ ok: true, findings: [] });
});

const chainLength = 10_000;

it('frees, refuses and ends chains of ten thousand tasks without recursion [TK4] [TK-x4]', {
  timeout: 240_000,
}, async () => {
  await using rookery = await openRookery({ path: ':memory:' });
  const { tasks } = rookery;
  for (let i = 0; i < chainLength; i += 1000) {
    const part = Array.from({ length: 1000 }, (_, j) => ({
      id: `t${i + j}`,
      title: 't',
      dependsOn: i + j === 0 ? [] : [{ task: `t${i + j - 1}`, onFailure: 'cascade' as const }],
    }));
    await tasks.createMany({ tasks: part });
  }
  const closing = { task: 't0', dependsOn: `t${chainLength - 1}` };
  await expect(tasks.addDependency(closing)).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  const error = await tasks.addDependency(closing).catch((thrown) => thrown);
  expect(error.details.cycle.slice(0, 3)).toEqual(['t0', `t${chainLength - 1}`, `t${chainLength - 2}`]);
  expect(error.details.cycle.slice(-2)).toEqual(['t1', 't0']);
  const { task, claim } = (await tasks.claim())!;
  expect(task.id).toBe('t0');
  await tasks.complete({ task: 't0', token: claim.token });
  const second = (await tasks.claim())!;
  expect(second.task.id).toBe('t1');
  await tasks.fail({ task: 't1', token: second.claim.token, error: 'e', retryable: false });
  // No commit is as long as the chain: the rest falls page by page.
  const last = async () => (await tasks.get({ task: `t${chainLength - 1}` }))!.status;
  expect(await last()).toBe('blocked');
  let pages = 0;
  while ((await tasks.sweep()).more) pages++;
  expect(pages).toBeGreaterThanOrEqual(chainLength / 500 - 2);
  expect(await last()).toBe('failed');
});

it('frees 1,200 tasks that waited for one page by page, while others claim', async () => {
  await using rookery = await openRookery({ path: ':memory:' });
  const { tasks } = rookery;
  await tasks.create({ id: 'root', title: 't', priority: 1 });
  const waiting = Array.from({ length: 1200 }, (_, i) => i);
  const leaf = (i: number) => ({ id: `leaf-${i}`, title: 't', dependsOn: [{ task: 'root' }] });
  for (const half of [waiting.slice(0, 600), waiting.slice(600)])
    await tasks.createMany({ tasks: half.map(leaf) });
  const { claim } = (await tasks.claim())!;
  await tasks.complete({ task: 'root', token: claim.token });
  expect((await tasks.list({ status: 'pending', limit: 1000 })).tasks).toHaveLength(500);
  expect(await rookery.audit.verify()).toMatchObject({ ok: true, findings: [] });
  for (let i = 0; i < 3; i++) expect(await tasks.claim()).not.toBeNull();
  expect((await tasks.list({ status: 'blocked' })).tasks).toEqual([]);
  expect(await tasks.sweep()).toMatchObject({ more: false });
  expect(await rookery.audit.verify()).toMatchObject({ ok: true, findings: [] });
});
