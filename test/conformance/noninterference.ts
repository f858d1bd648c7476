import fc from 'fast-check';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { type Query, query } from '../../src/kernel/operation.ts';
import { one, statement } from '../../src/kernel/work.ts';
import type { Rookery, View } from '../../src/rookery.ts';
import type { Harness } from '../engines/index.ts';
import { ManualClock } from '../support/clock.ts';
import { SeededRandom } from '../support/random.ts';

/**
 * What one agent may not see must not show in anything it is told. Two stores run the same script; they differ only in
 * what `hidden` writes for closed audiences. Every answer that `seer` gets must be the same, byte for byte.
 *
 * The two worlds have equally many changes: the position of an entry in the project's ledger counts those of everybody
 * and is public by design.
 */
export function nonInterferenceSuite(harness: Harness): void {
  const runs = harness.engine === 'sqlite' ? 60 : 8;

  it('tells an agent the same in worlds that differ only in what it may not see [S3]', async () => {
    const worlds = await twoWorlds(harness);
    await fc.assert(
      fc.asyncProperty(script, async (steps) => {
        const [left, right] = await worlds.run(steps);
        expect(right).toBe(left);
      }),
      { numRuns: runs, endOnFailure: true },
    );
  });

  it('would notice a count that is not filtered [S3 sabotage]', async () => {
    const worlds = await twoWorlds(harness, unfiltered);
    let noticed = 0;
    for (const steps of fc.sample(script, 10)) {
      const [left, right] = await worlds.run(steps);
      if (left !== right) noticed++;
    }
    expect(noticed).toBeGreaterThan(0);
  });
}

const selectCount = statement('SELECT count(*) AS items FROM memory WHERE project_id = $1 AND deleted = 0');
/** Sabotage: the number of all items, seen or not. */
const unfiltered = query({
  name: 'memory.total',
  summary: 'Count what there is',
  input: z.strictObject({}),
  output: z.int(),
  access: 'read',
  route: null,
  *run(context) {
    return (yield* one<{ items: number }>(selectCount, [context.project]))!.items;
  },
});

/** What the hidden agent does, with one variant for each world, and what the seer does, the same in both. */
type Step =
  | { readonly who: 'hidden'; readonly variants: readonly [Secret, Secret] }
  | { readonly who: 'seer'; readonly act: (typeof seerActs)[number]; readonly key: string };

interface Secret {
  readonly act: 'set' | 'incr' | 'mail' | 'grant';
  readonly key: string;
  readonly level: 'private' | 'team' | 'system';
  readonly value: string | number;
}

const keys = ['k', 'k1', 'k2', 'doc', 'z'];
const seerActs = [
  ...(['get', 'getTeam', 'peek', 'has', 'mget', 'keys', 'history', 'set', 'incr', 'delete'] as const),
  ...(['streams', 'count', 'read', 'post', 'grants', 'check', 'denied'] as const),
];

const act = fc.constantFrom<Secret['act']>('set', 'set', 'incr', 'mail', 'grant');
const secretOf = (fixed: Secret['act']) =>
  fc.record({
    act: fc.constant(fixed),
    key: fc.constantFrom(...keys),
    level: fc.constantFrom<Secret['level']>('private', 'team', 'system'),
    value: fc.oneof(fc.string({ maxLength: 40 }), fc.nat()),
  });
const script: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    act.chain((fixed) =>
      fc.record({
        who: fc.constant('hidden' as const),
        variants: fc.tuple(secretOf(fixed), secretOf(fixed)),
      }),
    ),
    fc.record({
      who: fc.constant('seer' as const),
      act: fc.constantFrom(...seerActs),
      key: fc.constantFrom(...keys),
    }),
  ),
  { minLength: 12, maxLength: 24 },
);

async function twoWorlds(harness: Harness, extra?: Query<z.ZodType, z.ZodInt>) {
  const open = () => harness.openFirst({ clock: new ManualClock(), random: new SeededRandom('two worlds') });
  const stores = [await open(), await open()];
  let runs = 0;
  return {
    /** Runs a script in a fresh project of both worlds and answers what the seer was told, as text. */
    async run(steps: readonly Step[]): Promise<string[]> {
      const project = `run-${runs++}`;
      const told: string[] = [];
      for (const [world, rookery] of stores.entries()) {
        const answers = await play(rookery, project, steps, world);
        if (extra) {
          const seer = rookery.as('seer', { project }).principal;
          answers.push((await rookery.store.invoke(extra, seer, {})).output);
        }
        told.push(JSON.stringify(answers));
      }
      return told;
    },
  };
}

async function play(
  rookery: Rookery,
  project: string,
  steps: readonly Step[],
  world: number,
): Promise<unknown[]> {
  const admin = rookery.as('boss', { project, rights: ['read', 'write', 'admin'] });
  await admin.fleet.register({ id: 'hidden', team: 'red', system: true });
  const [hidden, seer] = [rookery.as('hidden', { project }), rookery.as('seer', { project })];
  // Every key of every audience exists before the worlds part, so that both draw the same randomness from here on.
  for (const level of ['private', 'team', 'system'] as const)
    await hidden.memory.set({ key: 'first', value: 0, level });
  await hidden.mail.create({ stream: 'plans', level: 'private' });
  await seer.memory.set({ key: 'k', value: 'mine', level: 'private' });
  const told: unknown[] = [];
  for (const step of steps) {
    if (step.who === 'hidden') await conceal(hidden, step.variants[world]!);
    else told.push(await tell(ask(seer, step.act, step.key)));
  }
  return told;
}

async function conceal({ memory, mail, access }: View, secret: Secret): Promise<void> {
  const { key, level, value } = secret;
  if (secret.act === 'set') await memory.set({ key, value, level });
  else if (secret.act === 'incr') await memory.incr({ namespace: 'counters', key, level });
  else if (secret.act === 'mail')
    await mail.append({ stream: 'plans', events: [{ type: key, data: { value } }] });
  else await access.grant({ agent: `friend-${key}`, acts: ['read'], resource: 'memory', level, ttl: 60 });
}

function ask({ memory, mail, access }: View, act: (typeof seerActs)[number], key: string): Promise<unknown> {
  const theirs = { level: 'private', audience: 'hidden' } as const;
  switch (act) {
    case 'get':
      return memory.get({ key });
    case 'getTeam':
      return memory.get({ key, level: 'team', audience: 'red' });
    case 'peek':
      return memory.get({ key, ...theirs });
    case 'has':
      return memory.has({ key, level: 'system' });
    case 'mget':
      return memory.mget({ keys });
    case 'keys':
      return memory.keys({ limit: 2 });
    case 'history':
      return memory.history({ key, ...theirs });
    case 'set':
      return memory.set({ key, value: key });
    case 'incr':
      return memory.incr({ namespace: 'counters', key, level: 'private' });
    case 'delete':
      return memory.delete({ key });
    case 'streams':
      return mail.streams();
    case 'count':
      return mail.count();
    case 'read':
      return mail.read({ stream: 'plans' });
    case 'post':
      return mail.append({ stream: 'open', events: [{ type: 'note', data: key }] });
    case 'grants':
      return access.grants();
    case 'check':
      return access.check({ act: 'read', resource: 'memory', path: `default/${key}`, ...theirs });
    case 'denied':
      return memory.set({ key, value: 'forged', ...theirs });
  }
}

async function tell(call: Promise<unknown>): Promise<unknown> {
  return await call.catch(({ code, message, details }) => ({ code, message, details }));
}
