import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { openRookery } from '../../src/rookery.ts';
import { required } from '../engines/services.ts';
import { memory, temporaryFolder } from '../support/processes.ts';
import { callsOf, canTrace, intercepted, type SystemCall } from '../support/strace.ts';
import { stateAfter, stateOf, steps } from './scenario.ts';

const scenario = 'test/faults/children/scenario.ts';
type Way = 'right' | 'torn' | 'early';

/** Every call that changes what is on disk. */
const calls = ['pwrite64', 'fsync', 'ftruncate', 'unlink', 'link'];

/** With ROOKERY_FAULTS=all every point is tried (ten times as many); else some of each kind of call. */
const everything = process.env['ROOKERY_FAULTS'] === 'all';
const pointsOfKind: Record<string, number> = { pwrite64: 12, fsync: 10 };

function sample(points: readonly SystemCall[]): SystemCall[] {
  return calls.flatMap((name) => {
    const all = points.filter((point) => point.name === name);
    const most = everything ? all.length : Math.min(all.length, pointsOfKind[name] ?? 4);
    return Array.from({ length: most }, (_, i) => all[Math.floor(((i + 0.5) * all.length) / most)]!);
  });
}

/** What is wrong with the store that a kill at this point left behind; undefined when nothing is. */
async function killedAt(call: SystemCall, way: Way): Promise<string | undefined> {
  const path = temporaryFolder(memory);
  const { lines, killed } = await intercepted({ call, by: 'signal=KILL' }, scenario, [path, way]);
  const acknowledged = lines.length;
  const complain = (what: string) => `${call.name} ${call.nth}, ${acknowledged} acknowledged: ${what}`;
  if (!killed) return complain('was not killed');
  try {
    await using rookery = await openRookery({ path });
    const state = await stateOf(rookery);
    // The one that was under way may be there too: it was not refused.
    const expected = [acknowledged, acknowledged + 1].map(stateAfter);
    if (!expected.some((one) => isDeepStrictEqual(one, state))) return complain(JSON.stringify(state));
    const { ok, findings } = await rookery.audit.verify();
    if (!ok) return complain(JSON.stringify(findings));
    await rookery.memory.set({ key: 'after', value: 'the crash' });
    return undefined;
  } catch (error) {
    return complain(String(error));
  }
}

/** All points, two at a time. */
async function killedAtEach(points: readonly SystemCall[], way: Way): Promise<string[]> {
  const problems: string[] = [];
  const left = [...points];
  const work = async () => {
    for (let point = left.pop(); point; point = left.pop()) {
      const problem = await killedAt(point, way);
      if (problem !== undefined) problems.push(problem);
    }
  };
  await Promise.all([work(), work()]);
  return problems;
}

/** A middle point of each long step: a commit with many pages. */
function inTheMiddle(points: readonly SystemCall[], name: string): SystemCall[] {
  const all = points.filter((point) => point.name === name);
  return [4, 6].map((printed) => {
    const during = all.filter((point) => point.printed === printed);
    return during[Math.floor(during.length / 2)]!;
  });
}

describe('killed at a system call', () => {
  if (!canTrace()) {
    const why = 'strace is not installed, or may not be used here';
    it.skipIf(!required)(`not run: ${why}`, () => expect.fail(why));
    return;
  }

  const timeout = everything ? 3_600_000 : 240_000;
  it('leaves every acknowledged write, and of the next one all or nothing [D2]', { timeout }, async () => {
    const points = await callsOf(calls, scenario, [temporaryFolder(memory), 'right']);
    expect(points.at(-1)!.printed).toBe(steps.length);
    const sampled = sample(points);
    expect(new Set(sampled.map(({ name }) => name))).toEqual(new Set(calls));
    expect(await killedAtEach(sampled, 'right')).toEqual([]);
  });

  it('does not, if each statement commits by itself', async () => {
    const points = await callsOf(calls, scenario, [temporaryFolder(memory), 'torn']);
    const problems = await killedAtEach(inTheMiddle(points, 'fsync'), 'torn');
    expect(problems.filter((problem) => !problem.includes('was not killed'))).not.toEqual([]);
  });

  it('does not, if writes are acknowledged before their commit', async () => {
    const points = await callsOf(calls, scenario, [temporaryFolder(memory), 'early']);
    const problems = await killedAtEach(inTheMiddle(points, 'pwrite64'), 'early');
    expect(problems.filter((problem) => !problem.includes('was not killed'))).not.toEqual([]);
  });
});
