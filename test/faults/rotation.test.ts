import { cpSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { rootKeyName } from '../../src/folder.ts';
import { openRookery } from '../../src/rookery.ts';
import { required } from '../engines/services.ts';
import { ended, memory, run, start, temporaryFolder } from '../support/processes.ts';
import { callsOf, canTrace, intercepted, type SystemCall } from '../support/strace.ts';

const rotator = 'test/faults/children/rotator.ts';
const everything = process.env['ROOKERY_FAULTS'] === 'all';
const writers = ['ada', 'bob'];

/** A store in which two agents have old values, each in two revisions. */
async function fill(path: string, values: number): Promise<void> {
  await using rookery = await openRookery({ path });
  for (const name of writers) {
    const entries = Array.from({ length: values }, (_, n) => ({ key: `old-${n}`, value: `old-${n}` }));
    for (let revision = 0; revision < 2; revision++)
      for (let n = 0; n < values; n += 500)
        await rookery.as(name).memory.mset({ entries: entries.slice(n, n + 500), level: 'private' });
  }
}

interface Diary {
  readonly last: Map<string, number>;
  readonly failures: string[];
  end(): Promise<void>;
}

/** A process that writes and reads until it is ended. */
function diary(path: string, name: string): Diary {
  const child = start('test/faults/children/diarist.ts', [path, name, '2']);
  const last = new Map<string, number>();
  const failures: string[] = [];
  const reading = (async () => {
    for await (const line of child.lines) {
      const [what, key, n] = line.split(' ');
      if (what === 'wrote') last.set(key!, Number(n));
      else failures.push(line);
    }
    if (child.stderr() !== '') failures.push(child.stderr());
  })();
  return {
    last,
    failures,
    async end() {
      child.process.kill('SIGKILL');
      await ended(child.process);
      await reading;
    },
  };
}

it('loses nothing and fails nobody while it is killed again and again [A7] [CF-R30]', {
  timeout: everything ? 3_600_000 : 240_000,
}, async () => {
  const path = temporaryFolder(memory);
  await fill(path, everything ? 50_000 : 400);
  const diaries = writers.map((name) => diary(path, name));
  let halfway = 0;
  const kills = everything ? 50 : 2;
  for (let n = 0; n < kills; n++) {
    const child = start(rotator, [path, n % 3 === 0 ? 'data' : 'resume']);
    let before: number | undefined;
    for await (const line of child.lines) {
      if (!line.startsWith('sealed')) continue;
      const sealed = Number(line.split(' ')[1]);
      before ??= sealed;
      if (sealed - before < 40 * (1 + ((n * 5) % 9))) continue;
      if (child.process.kill('SIGKILL')) halfway++;
      break;
    }
    await ended(child.process);
  }
  expect(halfway).toBeGreaterThan(kills / 2);
  const last = await run(rotator, [path, 'resume']);
  expect(last.status, last.stderr).toBe(0);
  for (const { end } of diaries) await end();
  expect(diaries.flatMap(({ failures }) => failures)).toEqual([]);

  await using rookery = await openRookery({ path });
  for (const [i, { last: written }] of diaries.entries()) {
    expect(written.size).toBe(40);
    const own = rookery.as(writers[i]!).memory;
    // The one that was under way when the writer was killed may be there too.
    for (const [key, n] of written) expect([n, n + 20]).toContain((await own.get({ key }))?.value);
  }
  const { keys } = await rookery.keys.list();
  const old = keys.filter(({ purpose, state }) => purpose === 'data' && state !== 'primary');
  expect(old.length).toBeGreaterThan(1);
  for (const { id, records } of old) {
    expect(records).toBe(0);
    expect(await rookery.keys.retire({ id })).toMatchObject({ state: 'retired' });
  }
  expect((await rookery.audit.verify()).findings).toEqual([]);
});

/** Every call that changes what is on disk. */
const calls = ['pwrite64', 'fsync', 'ftruncate', 'unlink', 'link', 'rename'];

describe('the root key', () => {
  if (!canTrace()) {
    const why = 'strace is not installed, or may not be used here';
    it.skipIf(!required)(`not run: ${why}`, () => expect.fail(why));
    return;
  }

  /** What is wrong with a store whose root key was being replaced when the process was killed; undefined when nothing is. */
  async function killedAt(original: string, call: SystemCall, what: string): Promise<string | undefined> {
    const path = temporaryFolder(memory);
    cpSync(original, path, { recursive: true });
    const { killed } = await intercepted({ call, by: 'signal=KILL' }, rotator, [path, what]);
    const complain = (problem: string) => `${call.name} ${call.nth}: ${problem}`;
    if (!killed) return complain('was not killed');
    try {
      await using rookery = await openRookery({ path });
      const kept = await rookery.as('ada').memory.get({ key: 'old-3' });
      if (kept?.value !== 'old-3') return complain(`reads ${JSON.stringify(kept)}`);
      const strays = readdirSync(path).filter((name) => name.startsWith(`${rootKeyName}.`));
      if (strays.length > 0) return complain(`leaves ${strays.join()}`);
      await rookery.keys.rotate({ root: true });
      const { findings } = await rookery.audit.verify();
      return findings.length > 0 ? complain(JSON.stringify(findings)) : undefined;
    } catch (error) {
      return complain(String(error));
    }
  }

  /** Calls while the root key is replaced: some of each kind, or all. */
  async function pointsOf(path: string, what: string, of: readonly string[], each: number) {
    const copy = temporaryFolder(memory);
    cpSync(path, copy, { recursive: true });
    const during = (await callsOf(of, rotator, [copy, what])).filter(
      ({ printed }) => printed === 1 || printed === 2,
    );
    return of.flatMap((name) => {
      const all = during.filter((point) => point.name === name);
      const most = everything ? all.length : Math.min(all.length, each);
      return Array.from({ length: most }, (_, i) => all[Math.floor(((i + 0.5) * all.length) / most)]!);
    });
  }

  async function problemsAt(path: string, points: readonly SystemCall[], what: string): Promise<string[]> {
    const left = [...points];
    const problems: string[] = [];
    const work = async () => {
      for (let point = left.pop(); point; point = left.pop()) {
        const problem = await killedAt(path, point, what);
        if (problem !== undefined) problems.push(problem);
      }
    };
    await Promise.all([work(), work()]);
    return problems;
  }

  const timeout = everything ? 3_600_000 : 240_000;
  it('can be replaced and killed at any point [A7] [D2] [CF-R30]', { timeout }, async () => {
    const path = temporaryFolder(memory);
    await fill(path, 5);
    const points = await pointsOf(path, 'root', calls, 2);
    expect(new Set(points.map(({ name }) => name))).toEqual(
      new Set(['pwrite64', 'fsync', 'unlink', 'link', 'rename']),
    );
    expect(await problemsAt(path, points, 'root')).toEqual([]);
  });

  it('would be lost, if its file were replaced before the commit [D2 sabotage]', { timeout }, async () => {
    const path = temporaryFolder(memory);
    await fill(path, 5);
    const points = await pointsOf(path, 'careless', ['pwrite64'], 5);
    const problems = await problemsAt(path, points, 'careless');
    expect(problems.join()).toContain('root key does not belong');
  });
});
