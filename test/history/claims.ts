import { until } from '../support/until.ts';
import type { Model } from './checker.ts';
import { leaseMs } from './leases.ts';
import { type Client, draw, observe } from './observing.ts';

/** Claims in recorded histories: what clients call, what they do, and what a task is supposed to do. */

interface Held {
  readonly task: string;
  readonly token: number;
}

export interface ClaimCalls {
  create(input: {
    id: string;
    title: string;
    type: string;
    backoffMs: number;
    maxAttempts: number;
  }): Promise<unknown>;
  claim(input: { types: string[]; leaseMs: number; waitMs: number }): Promise<{
    task: { attempt: number };
    claim: { token: number };
  } | null>;
  get(input: { task: string }): Promise<{
    attempt: number;
    claim: { expired: boolean } | null;
  } | null>;
  complete(input: Held): Promise<unknown>;
  fail(input: Held & { error: string }): Promise<unknown>;
  release(input: Held): Promise<unknown>;
}

const waitMs = 60;
const mostAttempts = 100;

/** All clients want the one task of a key: whoever has it gives it back, loses it, or completes it for good. */
export async function useClaim(
  client: Client<{ tasks: ClaimCalls }>,
  key: string,
  count: number,
): Promise<void> {
  const { tasks } = client.view;
  const made = { id: key, title: key, type: key, backoffMs: 0, maxAttempts: mostAttempts };
  await observe(
    client,
    key,
    { f: 'create', value: null },
    async () => {
      await tasks.create(made);
      return true;
    },
    { REVISION_CONFLICT: () => false },
  );
  for (let i = 0; i < count; i++) {
    const overstays = draw(client, 6) === 0;
    const grant = `${overstays ? 'short' : 'long'} ${client.process}.${i}`;
    let held: Held | undefined;
    const attempt = await observe(client, key, { f: 'claim', value: grant }, async () => {
      const lease = overstays ? leaseMs.short : leaseMs.long;
      const claimed = await tasks.claim({ types: [key], leaseMs: lease, waitMs: draw(client, 2) * waitMs });
      held = claimed ? { task: key, token: claimed.claim.token } : undefined;
      return claimed?.task.attempt ?? 0;
    });
    if (!held) continue;
    if (overstays) {
      await until('the claim runs out', async () => {
        const task = await tasks.get({ task: key });
        return task!.attempt !== attempt || !task!.claim || task!.claim.expired;
      });
    }
    await finish(client, key, grant, held);
  }
}

async function finish(
  client: Client<{ tasks: ClaimCalls }>,
  key: string,
  grant: string,
  held: Held,
): Promise<void> {
  const { tasks } = client.view;
  const drawn = draw(client, 8);
  const f = drawn === 0 ? 'complete' : 'giveBack';
  await observe(
    client,
    key,
    { f, value: grant },
    async () => {
      if (drawn === 0) await tasks.complete(held);
      else if (drawn < 4) await tasks.fail({ ...held, error: 'e' });
      else await tasks.release(held);
      return true;
    },
    { FENCED: () => false },
  );
}

export interface ClaimCall {
  readonly f: 'create' | 'claim' | 'complete' | 'giveBack' | 'expire';
  /** The claim that it is about, named by who made it for the how-many-th time. */
  readonly value: string | null;
}
/** The number of the attempt that was claimed, 0 for none; or whether it had an effect. */
export type ClaimAnswer = number | boolean;

export interface ClaimState {
  readonly status: 'absent' | 'ready' | 'held' | 'done';
  readonly holder: string | null;
  readonly attempt: number;
}

export const absent: ClaimState = { status: 'absent', holder: null, attempt: 0 };

/** One task: each attempt has one winner, a ready task is refused to nobody, a claim that is over does nothing [TK1, TK3, TK6]. */
export const claim: Model<ClaimState, ClaimCall, ClaimAnswer> = {
  initial: absent,
  key: ({ status, holder, attempt }) => `${status} ${holder} ${attempt}`,
  step(state, { f, value: grant }, answer) {
    const expected = answerTo(state, f, grant);
    if (answer !== undefined && answer !== expected) return undefined;
    if (expected === false || expected === 0) return state;
    switch (f) {
      case 'create':
        return { ...state, status: 'ready' };
      case 'claim':
        return { status: 'held', holder: grant, attempt: state.attempt + 1 };
      case 'complete':
        return { ...state, status: 'done', holder: null };
      case 'giveBack':
        return { ...state, status: 'ready', holder: null };
      case 'expire':
        return state.holder === grant ? { ...state, status: 'ready', holder: null } : state;
    }
  },
};

function answerTo(state: ClaimState, f: ClaimCall['f'], grant: string | null): ClaimAnswer {
  switch (f) {
    case 'create':
      return state.status === 'absent';
    case 'claim':
      return state.status === 'ready' ? state.attempt + 1 : 0;
    case 'expire':
      return true;
    default:
      return state.holder === grant;
  }
}
