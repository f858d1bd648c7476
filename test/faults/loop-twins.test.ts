import { beforeAll, describe, expect, it } from 'vitest';
import * as product from '../../src/rookery.ts';
import { ManualClock } from '../support/clock.ts';
import { agreement, report, ruling } from '../support/loop.ts';
import { sabotagedSource } from '../support/sabotage.ts';
import { select } from '../support/statements.ts';

/** What breaks when one protection of the loop is taken out: each check passes with it, and fails without. */

type Open = typeof product.openRookery;
type Check = (rookery: product.Rookery, clock: ManualClock) => Promise<boolean>;

const phase = 'auth';
const day = 86_400_000;

const checks = {
  async validatorWithoutGrant(rookery) {
    await rookery.as('coder-1').loop.reportConfidence(report);
    return (await rookery.as('validator-1').loop.confidences({ phase })).confidences.length === 0;
  },
  async readThroughRole(rookery) {
    await rookery.as('coder-1').loop.reportConfidence(report);
    await rookery.roles.grant({ agent: 'validator-1', role: 'validator', swarm: 'default' });
    for (let reads = 0; reads < 3; reads++) await rookery.as('validator-1').loop.confidences({ phase });
    const rows = await select(rookery, "SELECT 1 AS found FROM audit_log WHERE action = 'role_grant_read'");
    return rows.length === 3;
  },
  async clearOnDisk(rookery) {
    await rookery.as('coder-1').loop.reportConfidence(report);
    const [row] = await select<{ value: string | null }>(rookery, 'SELECT value FROM loop_confidences');
    return row!.value === null;
  },
  async retention(rookery, clock) {
    const { loop } = rookery.as('coder-1');
    await loop.reportConfidence(report);
    clock.advance(30 * day);
    return (await loop.confidences({ phase })).confidences.length === 0;
  },
  async decisionOfACoder(rookery) {
    return await rookery
      .as('coder-1')
      .loop.decide(ruling)
      .then(
        () => false,
        ({ code }) => code === 'FORBIDDEN',
      );
  },
  async anotherVote(rookery) {
    const { loop } = rookery.as('validator-1');
    await loop.recordConsensus({ ...agreement, status: 'pending' });
    const changed = agreement.validationResults!.map((result) => ({ ...result, score: 0.1 }));
    await loop.recordConsensus({ ...agreement, validationResults: changed }).catch(() => {});
    return (await loop.consensus({ phase }))!.validationResults[0]!.score === 0.92;
  },
} satisfies Record<string, Check>;

async function run(open: Open, check: Check): Promise<boolean> {
  const clock = new ManualClock();
  const rookery = await open({ path: ':memory:', clock });
  try {
    return await check(rookery, clock);
  } finally {
    await rookery.close();
  }
}

interface Change {
  readonly in: string;
  readonly text: string;
  readonly by: string;
}

const twins: [protection: string, check: keyof typeof checks, change: Change][] = [
  [
    'the look for a role in force [CF-C03]',
    'validatorWithoutGrant',
    {
      in: 'domains/loop/reports.ts',
      text: "(yield* roleInForce(context, context.agent, 'validator', swarm))?.id",
      by: "(yield* roleInForce(context, context.agent, 'validator', swarm))?.id ?? 'nobody'",
    },
  ],
  [
    'an entry of its own for each read through a role [CF-C03]',
    'readThroughRole',
    { in: 'kernel/execution.ts', text: 'if (context.witnessed.length > 0)', by: 'if (false)' },
  ],
  [
    'the seal of what is private [CF-C01]',
    'clearOnDisk',
    { in: 'domains/loop/records.ts', text: 'sealedByDefault(levelOf(scope)) || encrypt', by: 'encrypt' },
  ],
  [
    'the end of retention [CF-R24]',
    'retention',
    { in: 'domains/loop/statements.ts', text: 't.expires_at > ', by: 't.expires_at > 0 * ' },
  ],
  [
    'the role of who decides [CF-C05]',
    'decisionOfACoder',
    {
      in: 'domains/loop/decisions.ts',
      text: '!identity.scopes.includes(scopes.system)) throw',
      by: 'false) throw',
    },
  ],
  [
    'the key of a vote and the look for an earlier one',
    'anotherVote',
    {
      in: 'domains/loop/votes.ts',
      text: 'for (const vote of known) yield* assertUnchanged(context, vote, given);',
      by: 'for (const vote of known) { yield* dropVote(context.project, vote); } known.length = 0;',
    },
  ],
];

it.each(Object.entries(checks))('the check of %s holds', async (_, check) => {
  expect(await run(product.openRookery, check)).toBe(true);
});

describe('without', () => {
  let twin: typeof product;
  // No check looks at what another protection does, so one copy without any of them serves all: a copy takes seconds.
  beforeAll(async () => {
    twin = await sabotagedSource<typeof product>(
      'rookery.ts',
      importing,
      ...twins.map(([, , change]) => change),
    );
  });

  it.each(twins)('%s', async (_, check) => {
    expect(await run(twin.openRookery, checks[check])).toBe(false);
  });
});

const importing: Change = {
  in: 'domains/loop/votes.ts',
  text: 'import { addVote,',
  by: 'import { addVote, dropVote,',
};
