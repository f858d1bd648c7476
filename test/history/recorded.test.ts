import { afterEach, describe, expect, it } from 'vitest';
import { openRookery, type Rookery, type View } from '../../src/rookery.ts';
import { type Child, ended, memory, start, temporaryFolder } from '../support/processes.ts';
import { SeededRandom } from '../support/random.ts';
import { careless } from './careless.ts';
import { type Calls, kinds, work } from './clients.ts';
import type { HistoryEvent } from './events.ts';
import { judge } from './judge.ts';
import { openVote } from './votes.ts';

type Noted = Omit<HistoryEvent, 'index'>;

const opened: Rookery[] = [];
afterEach(async () => {
  for (const rookery of opened.splice(0)) await rookery.close();
});

async function open(path: string): Promise<Rookery> {
  const rookery = await openRookery({ path });
  opened.push(rookery);
  return rookery;
}

const callsEach = 6;
/** In which round which process is killed. */
const victimIn: Record<number, number> = { 3: 0, 6: 1 };

/** Rounds of nine clients over three openings of one file, in this process. */
async function record(rounds: number, callsOf: (view: View) => Calls = (view) => view): Promise<Noted[]> {
  const path = temporaryFolder(memory);
  const openings = [await open(path), await open(path), await open(path)];
  const events: Noted[] = [];
  const note = (event: Noted) => void events.push(event);
  const clients = Array.from({ length: 9 }, (_, id) => id);
  for (let round = 0; round < rounds; round++) {
    await openVote(openings[0]!, `vote-${round}`, clients);
    await Promise.all(
      clients.flatMap((id) =>
        kinds.map((kind) => {
          const random = new SeededRandom(`${id} ${round} ${kind}`);
          const view = callsOf(openings[id % 3]!.as(`client-${id}`));
          return work({ process: id, view, random, note }, `${kind}-${round}`, callsEach);
        }),
      ),
    );
  }
  return events;
}

/** 10,000 histories and more in the long run. */
const rounds = process.env['ROOKERY_FAULTS'] === 'all' ? 2500 : 40;

describe('recorded histories of memory, locks, queues, votes and claims', () => {
  it('of nine clients over three openings of one file are linearizable [KV1, LK1, LK2, GR1, VO1, VO3, TK1, TK3, C1]', {
    timeout: Math.max(240_000, rounds * 1500),
  }, async () => {
    const judged = judge(await record(rounds));
    expect(judged.violations).toEqual([]);
    expect(judged.histories).toBe(rounds * kinds.length);
  });

  it('of nine clients in three processes, two of them killed, are linearizable [KV1, LK1, LK2, GR1, VO1, VO3, TK1, TK3, C1]', {
    timeout: 240_000,
  }, async () => {
    const path = temporaryFolder(memory);
    const chair = await open(path);
    const events: Noted[] = [];
    for (let generation = 0; generation < 4; generation++) {
      const children = [0, 1, 2].map((i) => startClients(path, (generation * 3 + i) * 3));
      await Promise.all(children.map((child) => played(child)));
      for (let round = 0; round < 10; round++) {
        const clients = Array.from({ length: 9 }, (_, id) => generation * 9 + id);
        await openVote(chair, `vote-${generation}.${round}`, clients);
        const living = children.filter(({ process }) => process.signalCode === null);
        for (const child of living) child.process.stdin!.write(`${generation}.${round}\n`);
        const killAfter = (child: Child) =>
          children.indexOf(child) === victimIn[round] ? 17 + 9 * generation : undefined;
        const noted = living.map((child) => played(child, killAfter(child)));
        events.push(...(await Promise.all(noted)).flat());
      }
      for (const { process } of children) process.stdin!.end();
      expect(await Promise.all(children.map(({ process }) => ended(process)))).toEqual([null, null, 0]);
    }
    const judged = judge(events);
    expect(judged.violations).toEqual([]);
    expect(judged.histories).toBe(40 * kinds.length);
    expect(judged.unknown).toBeGreaterThan(8);
    expect(await chair.audit.verify()).toMatchObject({ ok: true, findings: [] });
  });

  it('of clients that look first and act afterwards are not [KV-x1, LK-x1, TK-x1]', async () => {
    const { violations } = judge(await record(2, careless));
    const caught = violations.map((violation) => violation.split('\n', 1)[0]);
    expect(caught.toSorted()).toEqual(
      kinds.flatMap((kind) => [`${kind}-0: violation`, `${kind}-1: violation`]).toSorted(),
    );
  });
});

function startClients(path: string, first: number): Child {
  return start('test/history/children/clients.ts', [path, String(first), '3', String(callsEach)]);
}

/** The events of a child until its round ends, or until it dies: it is killed after so many of them, if that is given. */
async function played(child: Child, killAfter?: number): Promise<Noted[]> {
  const events: Noted[] = [];
  for (;;) {
    const { value, done } = await child.lines.next();
    if (done) {
      await ended(child.process);
      return events;
    }
    const event = JSON.parse(value) as Noted | null;
    if (event === null) return events;
    events.push(event);
    if (events.length === killAfter) child.process.kill('SIGKILL');
  }
}
