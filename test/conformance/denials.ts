import { expect, it } from 'vitest';
import type { Level } from '../../src/kernel/access/model.ts';
import type { Rookery, View } from '../../src/rookery.ts';
import type { Harness } from '../engines/index.ts';
import { denials } from '../support/ledger.ts';

/** One audience of the agent `owner`, as somebody else would name it. */
interface Place {
  readonly level: Level;
  readonly audience?: string;
}

const places: readonly Place[] = [
  { level: 'private', audience: 'owner' },
  { level: 'team', audience: 'red' },
  { level: 'swarm', audience: 'one' },
  { level: 'system' },
];

type Attempt = (view: View, key: string, place: Place) => Promise<unknown>;

/** Operations whose refusal looks like a miss, with what a miss looks like. */
const misses: Record<string, [attempt: Attempt, miss: unknown]> = {
  'memory.get': [(view, key, place) => view.memory.get({ key, ...place }), null],
  'memory.has': [(view, key, place) => view.memory.has({ key, ...place }), { exists: false }],
  'memory.mget': [(view, key, place) => view.memory.mget({ keys: [key], ...place }), { values: [null] }],
  'memory.history': [(view, key, place) => view.memory.history({ key, ...place }), { revisions: [] }],
  'memory.delete': [
    (view, key, place) => view.memory.delete({ key, ...place }),
    { deleted: false, revision: null },
  ],
};

const writes: Record<string, Attempt> = {
  'memory.set': (view, key, place) => view.memory.set({ key, value: 'forged', ...place }),
  'memory.mset': (view, key, place) => view.memory.mset({ entries: [{ key, value: 'forged' }], ...place }),
  'memory.incr': (view, key, place) => view.memory.incr({ key, ...place }),
  'memory.decr': (view, key, place) => view.memory.decr({ key, ...place }),
  'memory.append': (view, key, place) => view.memory.append({ key, text: '!', ...place }),
  'memory.expire': (view, key, place) => view.memory.expire({ key, ttl: 1, ...place }),
  'memory.clear': (view, _, place) => view.memory.clear(place),
};

const mailMisses: Record<string, [attempt: (view: View, stream: string) => Promise<unknown>, miss: unknown]> =
  {
    'mail.stream': [(view, stream) => view.mail.stream({ stream }), null],
    'mail.read': [(view, stream) => view.mail.read({ stream }), null],
    'mail.advance': [(view, stream) => view.mail.advance({ stream, position: 0 }), null],
    'mail.update': [(view, stream) => view.mail.update({ stream }), null],
    'mail.delete': [(view, stream) => view.mail.delete({ stream }), { deleted: false, events: 0 }],
  };

/** An owner with a secret in every closed audience, and a stream that only it may read. */
async function populate(rookery: Rookery): Promise<View> {
  await rookery.fleet.register({ id: 'owner', team: 'red', swarm: 'one', system: true });
  const owner = rookery.as('owner');
  for (const { level } of places) await owner.memory.set({ key: 'doc', value: `${level} secret`, level });
  await owner.mail.create({ stream: 'plans', level: 'private' });
  await owner.mail.append({ stream: 'plans', events: [{ type: 'note', data: 'mail secret' }] });
  return owner;
}

/** What a caller gets to see of a call: its answer or its error, with the key it named taken out. */
async function shown(call: Promise<unknown>, key: string): Promise<string> {
  const answer = await call.then(
    (value) => ({ value }),
    ({ code, message, details }) => ({ code, message, details }),
  );
  return JSON.stringify(answer).replaceAll(key, 'KEY');
}

export function denialSuite(harness: Harness): void {
  it('answers a stranger the same for what is hidden and for what is absent [S1]', async () => {
    const rookery = await harness.open();
    const owner = await populate(rookery);
    const stranger = rookery.as('stranger');
    for (const place of places) {
      for (const [operation, [attempt, miss]] of Object.entries(misses)) {
        for (const key of ['doc', 'absent'])
          expect(await attempt(stranger, key, place), `${operation} ${place.level}`).toEqual(miss);
      }
      for (const [operation, attempt] of Object.entries(writes)) {
        const hidden = await shown(attempt(stranger, 'doc', place), 'doc');
        expect(hidden, `${operation} ${place.level}`).toContain('FORBIDDEN');
        expect(await shown(attempt(stranger, 'absent', place), 'absent')).toBe(hidden);
      }
    }
    // One entry for each refusal: of what is hidden and of what is absent, in each of the four audiences.
    const recorded = Map.groupBy(await denials(rookery, 'stranger'), ({ op }) => op);
    for (const operation of [...Object.keys(misses), ...Object.keys(writes)])
      expect(recorded.get(operation), operation).toHaveLength(2 * places.length);
    for (const { level } of places)
      expect((await owner.memory.get({ key: 'doc', level }))?.value).toBe(`${level} secret`);
  });

  it('shows a stranger nothing hidden in lists and counts', async () => {
    const rookery = await harness.open();
    await populate(rookery);
    const stranger = rookery.as('stranger');
    await stranger.memory.set({ key: 'own', value: 1 });
    expect((await stranger.memory.keys()).keys.map(({ key }) => key)).toEqual(['own']);
    for (const place of places) expect((await stranger.memory.keys(place)).keys).toEqual([]);
    expect(await stranger.memory.get({ key: 'doc' })).toBeNull();
    expect((await stranger.mail.streams()).streams).toEqual([]);
    expect(await stranger.mail.count()).toEqual({ streams: 0 });
    expect((await stranger.mail.cursors()).cursors).toEqual([]);
  });

  it('hides a private stream the same way', async () => {
    const rookery = await harness.open();
    const owner = await populate(rookery);
    const stranger = rookery.as('stranger');
    for (const [operation, [attempt, miss]] of Object.entries(mailMisses)) {
      for (const stream of ['plans', 'absent'])
        expect(await attempt(stranger, stream), operation).toEqual(miss);
    }
    const forged = stranger.mail.append({ stream: 'plans', events: [{ type: 'note', data: 'forged' }] });
    expect(await shown(forged, 'plans')).toContain('FORBIDDEN');
    const recorded = new Set((await denials(rookery, 'stranger')).map(({ op }) => op));
    expect(recorded).toEqual(new Set([...Object.keys(mailMisses), 'mail.append']));
    expect((await owner.mail.read({ stream: 'plans' }))?.events).toHaveLength(1);
  });

  it('refuses a suspended agent everything, also its own, and records it', async () => {
    const rookery = await harness.open();
    const owner = await populate(rookery);
    await rookery.fleet.update({ id: 'owner', status: 'suspended' });
    for (const [operation, [attempt, miss]] of Object.entries(misses)) {
      if (operation === 'memory.delete') continue;
      for (const { level } of places) expect(await attempt(owner, 'doc', { level }), operation).toEqual(miss);
    }
    for (const [operation, attempt] of [
      ...Object.entries(writes),
      ['memory.delete', misses['memory.delete']![0]],
    ] as const)
      expect(await shown(attempt(owner, 'doc', { level: 'private' }), 'doc'), operation).toContain(
        'not active',
      );
    for (const call of [
      () => owner.fleet.list(),
      () => owner.fleet.get({ id: 'owner' }),
      () => owner.fleet.members({ team: 'red' }),
      () => owner.specialists.list(),
      () => owner.fleet.heartbeat(),
      () => owner.fleet.update({ id: 'owner', status: 'active' }),
      () => owner.access.grant({ agent: 'x', acts: ['read'], resource: 'memory', ttl: 1 }),
    ]) {
      expect(await shown(call(), 'owner')).toContain('not active');
    }
    expect((await owner.memory.keys()).keys).toEqual([]);
    expect(await owner.mail.count()).toEqual({ streams: 0 });
    expect(await owner.mail.read({ stream: 'plans' })).toBeNull();
    const recorded = new Set((await denials(rookery, 'owner')).map(({ op }) => op));
    for (const operation of [...Object.keys(misses), ...Object.keys(writes), 'fleet.list', 'mail.read'])
      expect(recorded, operation).toContain(operation);
  });

  it('lets no membership of one project count in another', async () => {
    const rookery = await harness.open();
    await populate(rookery);
    const outside = rookery.as('boss', { project: 'outside', rights: ['read', 'write', 'admin'] });
    await outside.fleet.register({ id: 'stranger', team: 'red', swarm: 'one', system: true });
    for (const project of ['default', 'outside']) {
      const stranger = rookery.as('stranger', { project });
      for (const place of places) {
        if (project === 'default') expect((await stranger.memory.keys(place)).keys).toEqual([]);
        expect(await stranger.memory.get({ key: 'doc', ...place })).toBeNull();
      }
      expect((await stranger.memory.keys()).keys).toEqual([]);
      expect((await stranger.mail.streams()).streams).toEqual([]);
    }
  });
}
