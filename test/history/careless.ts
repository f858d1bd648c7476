import type { View } from '../../src/index.ts';
import { RookeryError } from '../../src/kernel/errors.ts';
import type { Calls } from './clients.ts';
import { afterBallot, nobody, tallyIn, type VoteState } from './votes.ts';

/**
 * The store as a careless client would use it: it looks first and acts afterwards, in two operations. Each call alone
 * works; between two of them somebody else can come [KV-x1, LK-x1].
 */
export function careless(view: View): Calls {
  return {
    memory: carelessMemory(view),
    locks: carelessLocks(view),
    mail: carelessMail(view),
    votes: carelessVotes(view),
    tasks: carelessClaims(view),
  };
}

function carelessMemory({ memory }: View): Calls['memory'] {
  return {
    ...memory,
    incr: async ({ key, by }) => {
      const value = Number((await memory.get({ key }))?.value ?? 0) + by;
      return { value, revision: (await memory.set({ key, value })).revision };
    },
    set: async ({ expectedRevision: expected, ...input }) => {
      const actual =
        expected === undefined ? undefined : ((await memory.get({ key: input.key }))?.revision ?? 0);
      if (actual === expected) return await memory.set(input);
      throw new RookeryError('REVISION_CONFLICT', 'it was another one', { actual });
    },
  };
}

function carelessLocks({ memory }: View): Calls['locks'] {
  const holderOf = async (key: string) => {
    const held = (await memory.get({ key }))?.value as { id: string; until: number } | undefined;
    return held && held.until > Date.now() ? held.id : undefined;
  };
  return {
    acquire: async ({ names: [key], ttlMs }) => {
      if ((await holderOf(key)) !== undefined) throw new RookeryError('LOCK_HELD', 'somebody has it');
      const { value: token } = await memory.incr({ key: 'tokens' });
      const id = `${token} ${key}`;
      await memory.set({ key, value: { id, until: Date.now() + ttlMs } });
      return { lease: { id, token } };
    },
    check: async ({ lease }) => ({ valid: (await holderOf(keyOf(lease))) === lease }),
    release: async ({ lease }) => {
      if ((await holderOf(keyOf(lease))) !== lease) throw new RookeryError('LEASE_LOST', 'somebody has it');
      await memory.delete({ key: keyOf(lease) });
    },
  };
}

const keyOf = (lease: string) => lease.split(' ')[1]!;

function carelessMail({ mail, memory }: View): Calls['mail'] {
  return {
    append: mail.append,
    receive: async ({ stream }) => {
      const after = Number((await memory.get({ key: stream }))?.value ?? 0);
      const [event] = (await mail.read({ stream, after, limit: 1 }))?.events ?? [];
      if (!event) return { deliveries: [] };
      await memory.set({ key: stream, value: event.position });
      return { deliveries: [{ deliveryId: '', position: event.position }] };
    },
    ack: async () => {},
  };
}

function carelessVotes({ memory, principal }: View): Calls['votes'] {
  const voter = Number(principal.agent.split('-')[1]);
  const stateOf = async (key: string) =>
    ((await memory.get({ key }))?.value as VoteState | undefined) ?? nobody;
  return {
    get: async ({ proposal }) => tallyIn(await stateOf(proposal)),
    cast: async ({ proposal, choice }) => {
      const before = await stateOf(proposal);
      const { state, refusal } = afterBallot(before, { voter, choice });
      if (refusal === 'closed') throw new RookeryError('VOTE_CLOSED', 'too late', { ...tallyIn(before) });
      if (refusal) throw new RookeryError('EQUIVOCATION', 'it counts', { choice: before.choices[voter] });
      if (state !== before) await memory.set({ key: proposal, value: state as never });
      return { ballot: { choice: state.choices[voter]! }, proposal: tallyIn(state) };
    },
  };
}

function carelessClaims({ memory }: View): Calls['tasks'] {
  interface State {
    readonly attempt: number;
    readonly token: number;
    readonly until: number;
    readonly done: boolean;
  }
  const stateOf = async (key: string) => (await memory.get({ key }))?.value as State | undefined;
  const end = async ({ task, token }: { task: string; token: number }, done: boolean) => {
    const state = (await stateOf(task))!;
    if (state.token !== token || state.until <= Date.now()) throw new RookeryError('FENCED', 'it is over');
    await memory.set({ key: task, value: { ...state, token: 0, until: 0, done } });
  };
  return {
    create: async ({ id }) => {
      if (await stateOf(id)) throw new RookeryError('REVISION_CONFLICT', 'there is one');
      await memory.set({ key: id, value: { attempt: 0, token: 0, until: 0, done: false } });
    },
    claim: async ({ types: [key], leaseMs }) => {
      const state = await stateOf(key!);
      if (!state || state.done || state.until > Date.now()) return null;
      const { value: token } = await memory.incr({ key: 'tokens' });
      const attempt = state.attempt + 1;
      await memory.set({ key: key!, value: { attempt, token, until: Date.now() + leaseMs, done: false } });
      return { task: { attempt }, claim: { token } };
    },
    get: async ({ task }) => {
      const state = await stateOf(task);
      const claim = state && state.token > 0 ? { expired: state.until <= Date.now() } : null;
      return state ? { attempt: state.attempt, claim } : null;
    },
    complete: (held) => end(held, true),
    fail: (held) => end(held, false),
    release: (held) => end(held, false),
  };
}
