import { expect, it } from 'vitest';
import type { View } from '../../../src/rookery.ts';
import type { Harness } from '../../engines/index.ts';
import { ManualClock } from '../../support/clock.ts';
import { crew } from '../../support/fleet.ts';
import { entries, errorOf } from '../../support/ledger.ts';

type Input = Record<string, unknown>;

const bad: [
  verb: 'send' | 'acknowledge' | 'wait' | 'receive' | 'list' | 'verify',
  field: string,
  input: Input,
][] = [
  ['send', 'type', { targets: ['a'] }],
  ['send', 'targets', { type: 't' }],
  ['send', 'targets', { type: 't', targets: [] }],
  ['send', 'targets', { type: 't', targets: 'a' }],
  ['send', 'targets', { type: 't', targets: ['a', 'boss'] }],
  ['send', 'targets', { type: 't', targets: Array.from({ length: 501 }, (_, i) => `a${i}`) }],
  ['send', 'targets.0', { type: 't', targets: [''] }],
  ['send', 'rule', { type: 't', targets: ['a'], rule: 'most' }],
  ['send', 'rule.count', { type: 't', targets: ['a'], rule: { count: 0 } }],
  ['send', 'rule', { type: 't', targets: ['a', 'a'], rule: { count: 2 } }],
  ['send', 'timeoutMs', { type: 't', targets: ['a'], timeoutMs: 0 }],
  ['send', 'timeoutMs', { type: 't', targets: ['a'], timeoutMs: 1.5 }],
  ['send', 'timeoutMs', { type: 't', targets: ['a'], timeoutMs: 31_622_400_001 }],
  ['send', 'iteration', { type: 't', targets: ['a'], iteration: -1 }],
  ['send', 'priority', { type: 't', targets: ['a'], priority: 11 }],
  ['send', 'payload', { type: 't', targets: ['a'], payload: { n: Number.NaN } }],
  ['send', 'issuer', { type: 't', targets: ['a'], issuer: 'a' }],
  ['acknowledge', 'signal', {}],
  ['acknowledge', 'refuse', { signal: 's', refuse: '' }],
  ['acknowledge', 'signature', { signal: 's', signature: 'x'.repeat(513) }],
  ['acknowledge', 'at', { signal: 's', at: 5 }],
  ['wait', 'agents', { signal: 's', agents: [] }],
  ['wait', 'waitMs', { signal: 's', waitMs: 600_001 }],
  ['receive', 'after', { after: -1 }],
  ['list', 'state', { state: 'over' }],
  ['list', 'cursor', { cursor: 'x' }],
  ['verify', 'agent', { signal: 's' }],
];

/** What arrives where, in which order, until when, and what is not taken in. */
export function inboxSuite(harness: Harness): void {
  it('keeps every signal in the order of sending, until it is answered, ended or removed [CF-R36]', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const { boss, other, a } = await crew(rookery, 'boss', 'other', 'a', 'b');
    const send = async (view: View, type: string, priority: number, timeoutMs?: number) =>
      (await view.signals.send({ type, targets: ['a', 'b'], priority, timeoutMs, payload: type })).id;
    const first = await send(boss, 'completion', 1);
    const second = await send(other, 'retry', 9);
    const third = await send(boss, 'completion', 5, 1000);
    const fourth = await send(other, 'completion', 0);
    const inbox = async (input: Parameters<View['signals']['receive']>[0] = {}) =>
      (await a.signals.receive(input)).signals.map(({ id }) => id);
    expect(await inbox()).toEqual([first, second, third, fourth]);
    expect(await inbox()).toEqual([first, second, third, fourth]);
    expect(await inbox({ type: 'completion' })).toEqual([first, third, fourth]);
    const page = await a.signals.receive({ limit: 2 });
    expect(page.signals.map(({ payload }) => payload)).toEqual(['completion', 'retry']);
    expect(await inbox({ after: page.next })).toEqual([third, fourth]);
    await a.signals.acknowledge({ signal: first });
    expect(await a.signals.remove({ id: second })).toEqual({ removed: true });
    expect(await a.signals.remove({ id: second })).toEqual({ removed: false });
    expect(await inbox()).toEqual([third, fourth]);
    clock.advance(1000);
    expect(await inbox()).toEqual([fourth]);
    expect(await inbox({ all: true })).toEqual([first, third, fourth]);
    expect((await a.signals.acknowledge({ signal: second })).late).toBe(false);
    expect((await rookery.as('b').signals.receive()).signals).toHaveLength(3);
    const end = await a.signals.receive({ after: 1e9 });
    expect(end).toEqual({ signals: [], next: 1e9 });
  });

  it('lists what was issued and received, by state, a page at a time', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const { boss, a } = await crew(rookery, 'boss', 'a');
    const ids: string[] = [];
    for (let i = 0; i < 5; i++) {
      const timeoutMs = i === 3 ? 10 : undefined;
      ids.push((await boss.signals.send({ type: i % 2 ? 'odd' : 'even', targets: ['a'], timeoutMs })).id);
    }
    await a.signals.acknowledge({ signal: ids[0]! });
    clock.advance(10);
    const listed = async (view: View, input: Parameters<View['signals']['list']>[0]) => {
      const found: string[] = [];
      for (let cursor: string | null = ''; cursor !== null; ) {
        const page: Awaited<ReturnType<View['signals']['list']>> = await view.signals.list({
          ...input,
          cursor,
        });
        found.push(...page.signals.map(({ id }) => id));
        cursor = page.nextCursor;
      }
      return found.map((id) => ids.indexOf(id));
    };
    expect(await listed(boss, { limit: 2 })).toEqual([0, 1, 2, 3, 4]);
    expect(await listed(a, { box: 'received', limit: 3 })).toEqual([0, 1, 2, 3, 4]);
    expect(await listed(boss, { state: 'open' })).toEqual([1, 2, 4]);
    expect(await listed(boss, { state: 'timed_out' })).toEqual([3]);
    expect(await listed(boss, { state: 'complete', limit: 1 })).toEqual([0]);
    expect(await listed(boss, { type: 'odd' })).toEqual([1, 3]);
    expect(await listed(a, {})).toEqual([]);
  });

  it('is sent once under one id; another signal under it is refused [CF-R37]', async () => {
    const [one, two] = [await harness.open(), await harness.again()];
    const { boss, other } = await crew(one, 'boss', 'other', 'a', 'b');
    const input = { id: 'sig-1', type: 't', targets: ['a', 'b', 'a'], payload: { n: 1 }, iteration: 2 };
    const sent = await Promise.all([one, two, one].map((at) => at.as('boss').signals.send(input)));
    expect(new Set(sent.map(({ seq }) => seq)).size).toBe(1);
    expect(sent[0]!.targetCount).toBe(2);
    await one.as('a').signals.acknowledge({ signal: 'sig-1' });
    expect((await boss.signals.send({ ...input, targets: ['b', 'a'] })).acked).toBe(1);
    for (const changed of [
      { payload: { n: 2 } },
      { targets: ['a'] },
      { type: 'u' },
      { iteration: 3 },
      { rule: 'any' as const },
    ])
      expect((await errorOf(boss.signals.send({ ...input, ...changed }))).code).toBe('IDEMPOTENCY_CONFLICT');
    expect((await errorOf(other.signals.send(input))).code).toBe('IDEMPOTENCY_CONFLICT');
    expect(await entries(one, 'signals.send')).toHaveLength(1);
  });

  it('goes to active agents only [K9] [SG-x4]', async () => {
    const rookery = await harness.open();
    const { boss } = await crew(rookery, 'boss', 'a', 'asleep');
    await rookery.fleet.update({ id: 'asleep', status: 'inactive' });
    for (const absent of ['nobody', 'asleep']) {
      const error = await errorOf(boss.signals.send({ type: 't', targets: ['a', absent] }));
      expect([error.code, error.details['agent']]).toEqual(['NOT_FOUND', absent]);
    }
    expect((await rookery.as('a').signals.receive()).signals).toEqual([]);
  });

  it('refuses each bad field by its name, and writes nothing', async () => {
    const rookery = await harness.open();
    const { boss } = await crew(rookery, 'boss', 'a');
    for (const [verb, field, input] of bad) {
      const error = await errorOf((boss.signals[verb] as View['signals']['get'])(input as never));
      expect([error.code, error.details['field']], `${verb} ${JSON.stringify(input).slice(0, 80)}`).toEqual([
        'INVALID_INPUT',
        field,
      ]);
    }
    const { id } = await boss.signals.send({ type: 't', targets: ['a'] });
    expect((await errorOf(boss.signals.wait({ signal: id, agents: ['a', 'b'] }))).details['field']).toBe(
      'agents.1',
    );
    const large = await errorOf(
      boss.signals.send({ type: 't', targets: ['a'], payload: 'x'.repeat(1_100_000) }),
    );
    expect(large.code).toBe('TOO_LARGE');
    expect((await boss.signals.list()).signals).toHaveLength(1);
  });

  it('is forgotten with its answers once it is long over, and not before', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const { boss, a } = await crew(rookery, 'boss', 'a', 'b');
    const ids: string[] = [];
    for (let i = 0; i < 3; i++)
      ids.push((await boss.signals.send({ type: 't', targets: ['a', 'b'], rule: 'any' })).id);
    for (const signal of ids.slice(0, 2)) await a.signals.acknowledge({ signal });
    clock.advance(1001);
    expect(await rookery.signals.prune({ olderThanMs: 2000 })).toEqual({ pruned: 0, more: false });
    expect(await rookery.signals.prune({ olderThanMs: 1000, limit: 1 })).toEqual({ pruned: 1, more: true });
    expect(await rookery.signals.prune({ olderThanMs: 1000 })).toEqual({ pruned: 1, more: false });
    expect((await boss.signals.list()).signals.map(({ id }) => id)).toEqual([ids[2]]);
    expect((await errorOf(boss.signals.prune({}))).code).toBe('FORBIDDEN');
    expect(await rookery.audit.verify()).toMatchObject({ ok: true, findings: [] });
  });
}
