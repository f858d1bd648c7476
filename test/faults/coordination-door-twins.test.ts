import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type * as hooks from '../../src/doors/claude-flow/coordination/hooks.ts';
import type { Hook } from '../../src/doors/claude-flow/coordination/hooks.ts';
import * as real from '../../src/doors/claude-flow/index.ts';
import { temporaryFolder } from '../support/processes.ts';
import { commandLines } from '../support/running.ts';
import { sabotagedSource } from '../support/sabotage.ts';
import { until } from '../support/until.ts';

/** What protects seed 000's coordination beside the store: each check passes with the protection and fails without. */

interface Change {
  readonly in?: string;
  readonly text: string;
  readonly by: string;
}

const hmacSecret = 'a secret of more than sixteen characters';
const signal: real.CoordinationSignal = {
  signalId: 'signal-1',
  type: 'completion',
  source: 'lead',
  targets: ['one'],
  timestamp: 1,
};

type Coordinator = real.BlockingCoordinationManager;
type Make = (coordinatorId: string, secret?: string) => Coordinator;

/** All are taken out of one copy of the source, because loading one takes seconds; neither check touches the other's. */
const acknowledging: Record<string, { changes: Change[]; holds(make: Make): Promise<boolean> }> = {
  'a signature that does not hold is no acknowledgement [CF-R33, CF-R34]': {
    changes: [{ text: 'ack && (await this.#keys.verify(ack))', by: 'ack' }],
    async holds(make) {
      await make('one', 'another secret, of the same length').acknowledgeSignal(signal);
      return !(await make('lead').isAcknowledged('one', 'signal-1'));
    },
  },
  'the same signal again answers the acknowledgement that was made first [CF-C08]': {
    changes: [
      {
        text: '(await this.getAck(signalId)) ?? (await this.#acknowledge(signal))',
        by: 'await this.#acknowledge(signal)',
      },
      {
        in: 'domains/signals/answering.ts',
        text: "own.answer === 'acked' || own.answer === 'refused'",
        by: 'false',
      },
    ],
    async holds(make) {
      const one = make('one');
      const first = await one.acknowledgeSignal(signal);
      one.incrementIteration();
      const second = await one.acknowledgeSignal(signal).catch(() => undefined);
      return second?.signature === first.signature;
    },
  },
};

async function judge(
  door: typeof real,
  { holds }: { holds(make: Make): Promise<boolean> },
): Promise<boolean> {
  const dbPath = join(temporaryFolder(), 'loop.db');
  const made: Coordinator[] = [];
  const make: Make = (coordinatorId, secret = hmacSecret) => {
    made.push(new door.BlockingCoordinationManager({ coordinatorId, dbPath, hmacSecret: secret }));
    return made.at(-1)!;
  };
  try {
    return await holds(make);
  } finally {
    for (const one of made) await one.shutdown();
  }
}

it('without what protects acknowledgements', { timeout: 60_000 }, async () => {
  const changes = Object.values(acknowledging)
    .flatMap((one) => one.changes)
    .map((change) => ({ in: 'doors/claude-flow/coordination/manager.ts', ...change }));
  const twin = await sabotagedSource<typeof real>('doors/claude-flow/index.ts', ...changes);
  for (const [name, check] of Object.entries(acknowledging)) {
    expect([name, await judge(real, check)]).toEqual([name, true]);
    expect([name, await judge(twin, check)]).toEqual([name, false]);
  }
});

type Hooks = typeof hooks;

/** How many hooks failed, of one that was run. */
async function failuresOf({ Hooks }: Hooks, hook: Hook): Promise<number> {
  const made = new Hooks({ hooks: { on_blocking_start: hook } }, () => {});
  await made.run('on_blocking_start', {});
  return made.metrics().hooksFailed;
}

const running: [name: string, change: Change, holds: (module: Hooks) => Promise<boolean>][] = [
  [
    'hooks are run without a shell',
    { text: 'shell: false', by: 'shell: true' },
    async (module) => {
      const made = join(temporaryFolder(), 'made');
      await failuresOf(module, ['true', `; touch ${made}`]);
      return !existsSync(made);
    },
  ],
  [
    'what only a shell would understand is refused',
    { text: '!shellWords.test(hook)', by: 'true' },
    (module) =>
      failuresOf(module, 'true; rm file').then(
        () => false,
        () => true,
      ),
  ],
  [
    'a hook ends with its time',
    { text: 'setTimeout(() => endGroup(child.pid), limitMs)', by: 'undefined' },
    async (module) => (await failuresOf(module, ['sleep', '0.5'])) === 1,
  ],
  [
    'what a hook has started ends with it',
    { text: 'process.kill(-pid', by: 'process.kill(pid' },
    async (module) => {
      const made = join(temporaryFolder(), 'made');
      await failuresOf(module, ['sh', '-c', `(sleep 0.5; touch ${made}) & wait`]);
      await until('it has ended', () => !commandLines().some((line) => line.includes(made)));
      return !existsSync(made);
    },
  ],
];

it.each(running)('%s [CF-R45]', async (_, change, holds) => {
  const file = 'doors/claude-flow/coordination/hooks.ts';
  // Nobody is to wait for the seed's five seconds.
  const soon = { text: 'const limitMs = 5000', by: 'const limitMs = 200' };
  expect(await holds(await sabotagedSource<Hooks>(file, soon))).toBe(true);
  expect(await holds(await sabotagedSource<Hooks>(file, soon, change))).toBe(false);
});
