import fc from 'fast-check';
import { expect, it } from 'vitest';
import { backoffMs } from '../../../src/domains/mail/groups/model.ts';
import type { View } from '../../../src/rookery.ts';
import type { Harness } from '../../engines/index.ts';
import { ManualClock } from '../../support/clock.ts';
import { notes } from '../../support/mail.ts';
import { execute } from '../../support/statements.ts';

/** One event of the stream as the model of a group knows it. */
interface Told {
  state: 'fresh' | 'ready' | 'inflight' | 'acked' | 'dead';
  attempt: number;
  dueAt: number;
  delivery: string;
  consumer: string;
}

const ackWaitMs = 1000;
const maxDeliveries = 3;

/** What a group must do, by the words of its contract: the states of every event, on the same clock as the store. */
class Model {
  readonly events: Told[] = [];
  /** Every delivery ever made, with its position. */
  readonly deliveries: { id: string; position: number; consumer: string }[] = [];
  now = 0;

  count(state: Told['state']): number {
    return this.events.filter((event) => event.state === state).length;
  }

  /** A deadline that passed makes an event ready, or dead after its last attempt, whether or not anybody looked. */
  settleTime(): void {
    for (const event of this.events) {
      if (event.state !== 'inflight' || event.dueAt > this.now) continue;
      event.state = event.attempt >= maxDeliveries ? 'dead' : 'ready';
    }
  }

  /** Positions that a worker must get now: what is due again by its time, then what nobody has had. */
  next(max: number): number[] {
    const positions = this.events.map((_, i) => i + 1);
    const at = (position: number) => this.events[position - 1]!;
    const due = positions
      .filter((position) => at(position).state === 'ready' && at(position).dueAt <= this.now)
      .toSorted((a, b) => at(a).dueAt - at(b).dueAt || a - b);
    return [...due, ...positions.filter((position) => at(position).state === 'fresh')].slice(0, max);
  }

  /** The event that a delivery still speaks for. */
  current(delivery: { id: string; position: number }, consumer: string): Told | undefined {
    const event = this.events[delivery.position - 1]!;
    const holds = event.state === 'inflight' && event.delivery === delivery.id && event.consumer === consumer;
    return holds ? event : undefined;
  }
}

interface Real {
  readonly clock: ManualClock;
  readonly as: (agent: string) => View['mail'];
  readonly place: { readonly stream: string; readonly group: string };
}

type Step = fc.AsyncCommand<Model, Real>;

/** One step, and what must hold after every one of them. */
function step(name: string, act: (model: Model, real: Real) => Promise<void>): Step {
  return {
    check: () => true,
    toString: () => name,
    async run(model, real) {
      model.now = real.clock.now();
      model.settleTime();
      await act(model, real);
      model.settleTime();
      const state = await real.as('a').group(real.place);
      const head = model.events.length;
      const ready = model.count('ready') + model.count('fresh');
      const [inflight, acked, dead] = [model.count('inflight'), model.count('acked'), model.count('dead')];
      expect(state).toMatchObject({ head, start: 0, ready, inflight, acked, dead });
      // GR5, on the store's own numbers.
      expect(state!.ready + state!.inflight + state!.acked + state!.dead).toBe(head);
    },
  };
}

const append = (count: number) =>
  step(`append ${count}`, async (model, { as, place }) => {
    await as('a').append({ stream: place.stream, events: notes(count) });
    for (let i = 0; i < count; i++)
      model.events.push({ state: 'fresh', attempt: 0, dueAt: 0, delivery: '', consumer: '' });
  });

const receive = (agent: string, max: number) =>
  step(`${agent} receives ${max}`, async (model, { as, place }) => {
    const { deliveries } = (await as(agent).receive({ ...place, max }))!;
    const expected = model.next(max);
    expect(deliveries.map(({ position }) => position)).toEqual(expected);
    for (const { deliveryId, position, attempt, dueAt } of deliveries) {
      const event = model.events[position - 1]!;
      const delivery = { delivery: deliveryId, consumer: agent, attempt: event.attempt + 1, dueAt };
      expect({ attempt, dueAt }).toEqual({ attempt: event.attempt + 1, dueAt: model.now + ackWaitMs });
      Object.assign(event, delivery, { state: 'inflight' });
      model.deliveries.push({ id: deliveryId, position, consumer: agent });
    }
  });

type Verb = 'ack' | 'nak' | 'term' | 'extend';

/** Settles one delivery of the whole history: most of them are stale. */
const settle = (verb: Verb, agent: string, pick: number) =>
  step(`${agent} ${verb}s delivery ${pick}`, async (model, { as, place }) => {
    const delivery = model.deliveries.at(-1 - (pick % Math.max(1, model.deliveries.length)));
    if (!delivery) return;
    const event = model.current(delivery, agent);
    const { results } = (await as(agent)[verb]({ ...place, deliveries: [delivery.id] }))!;
    const last = event?.attempt === maxDeliveries;
    const done = { ack: 'acked', nak: last ? 'dead' : 'ready', term: 'dead', extend: 'extended' } as const;
    expect(results.map(({ result }) => result)).toEqual([event ? done[verb] : 'fenced']);
    if (!event) return;
    if (verb === 'extend') event.dueAt = model.now + ackWaitMs;
    else event.state = done[verb];
    if (event.state === 'ready') event.dueAt = model.now + backoffMs(event.attempt);
  });

const leave = (agent: string) =>
  step(`${agent} leaves`, async (model, { as, place }) => {
    const held = model.events.filter((event) => event.state === 'inflight' && event.consumer === agent);
    const exhausted = held.filter((event) => event.attempt === maxDeliveries);
    for (const event of held)
      Object.assign(event, { state: exhausted.includes(event) ? 'dead' : 'ready', dueAt: model.now });
    expect(await as(agent).leave(place)).toEqual({
      returned: held.length - exhausted.length,
      dead: exhausted.length,
    });
  });

const redrive = (limit: number) =>
  step(`redrive ${limit}`, async (model, { as, place }) => {
    const dead = model.events.filter((event) => event.state === 'dead').slice(0, limit);
    expect(await as('a').redrive({ ...place, limit })).toEqual({ redriven: dead.length });
    for (const event of dead) Object.assign(event, { state: 'ready', attempt: 0, dueAt: model.now });
  });

const wait = (milliseconds: number) =>
  step(`wait ${milliseconds} ms`, async (model, { clock }) => {
    clock.advance(milliseconds);
    model.now = clock.now();
  });

const agent = fc.constantFrom('a', 'b', 'c');
const steps: fc.Arbitrary<Step>[] = [
  fc.integer({ min: 0, max: 4 }).map(append),
  fc.tuple(agent, fc.integer({ min: 1, max: 5 })).map((given) => receive(...given)),
  fc.tuple(agent, fc.integer({ min: 1, max: 3 })).map((given) => receive(...given)),
  fc
    .tuple(fc.constantFrom<Verb>('ack', 'nak', 'term', 'extend'), agent, fc.nat(6))
    .map((given) => settle(...given)),
  agent.map(leave),
  fc.integer({ min: 1, max: 3 }).map(redrive),
  fc.constantFrom(1, 400, 999, 1000, 2000, 4000).map(wait),
];

export function conservationSuite(harness: Harness): void {
  it('counts every event in exactly one state after every step, and does what its model does [GR1–GR5, GR8]', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock, durability: 'relaxed' });
    const as = (name: string) => rookery.as(name).mail;
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.commands(steps, { maxCommands: 60, size: 'max' }), async (commands) => {
        const place = { stream: `s${run++}`, group: 'g' };
        await as('a').create({ stream: place.stream });
        await as('a').join({ ...place, ackWaitMs, maxDeliveries, holdMs: 10_000_000 });
        await fc.asyncModelRun(() => ({ model: new Model(), real: { clock, as, place } }), commands);
      }),
      { numRuns: harness.engine === 'sqlite' ? 40 : 5 },
    );
  });

  it('notices a group that hands out what somebody has [GR1], a twin of the above', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock, durability: 'relaxed' });
    const real = { clock, as: (name: string) => rookery.as(name).mail, place: { stream: 's', group: 'g' } };
    const model = new Model();
    await real.as('a').create({ stream: 's' });
    await real.as('a').join({ ...real.place, ackWaitMs, maxDeliveries });
    for (const fair of [append(2), receive('a', 1), receive('b', 2)]) await fair.run(model, real);
    await execute(rookery, 'UPDATE mail_deliveries SET due_at = 0 WHERE position = 1');
    await expect(receive('b', 2).run(model, real)).rejects.toThrow('to deeply equal');
  });

  it('brings every event to an end, however often its workers fail [GR4, GR6]', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock, durability: 'relaxed' });
    const place = { stream: 's', group: 'g' };
    await rookery.as('w0').mail.append({ stream: 's', events: notes(40) });
    await rookery.as('w0').mail.join({ ...place, ackWaitMs, maxDeliveries });
    const deliveries = new Map<number, number>();
    const acked: number[] = [];
    for (let round = 0; ; round++) {
      const { mail } = rookery.as(`w${round % 3}`);
      const received = (await mail.receive({ ...place, max: 7 }))!.deliveries;
      for (const { deliveryId, position } of received) {
        deliveries.set(position, (deliveries.get(position) ?? 0) + 1);
        const fate = (position * 7 + deliveries.get(position)!) % 4;
        const item = { ...place, deliveries: [deliveryId] };
        if (fate === 0) await mail.nak(item);
        else if (fate === 1) acked.push(...((await mail.ack(item)) ? [position] : []));
      }
      if (round % 5 === 4) await mail.leave(place);
      clock.advance(250);
      const { ready, inflight } = (await mail.group(place))!;
      if (ready + inflight === 0) break;
      expect(round).toBeLessThan(1000);
    }
    const dead = (await rookery.as('w0').mail.deadLetters(place))!.deadLetters;
    const ended = [...acked, ...dead.map(({ position }) => position)];
    expect(ended.toSorted((a, b) => a - b)).toEqual([...deliveries.keys()].toSorted((a, b) => a - b));
    expect(new Set(ended).size).toBe(40);
    expect(Math.max(...deliveries.values())).toBeLessThanOrEqual(maxDeliveries);
    for (const { position, attempts } of dead) expect(attempts).toBe(deliveries.get(position));
  });
}
