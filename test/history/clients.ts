import { until } from '../support/until.ts';
import { type ClaimCalls, useClaim } from './claims.ts';
import { leaseMs } from './leases.ts';
import type { ItemCall } from './models.ts';
import { type Client as ClientOf, draw, observe } from './observing.ts';
import { useVote, type VoteCalls } from './votes.ts';

/** Clients of a store that do at random what they may do, and note what they asked and what came back. */

/** What clients call; the view of an agent has it. */
export interface Calls {
  readonly memory: {
    get(input: { key: string }): Promise<{ revision: number; value?: unknown } | null>;
    set(input: { key: string; value: number; expectedRevision?: number }): Promise<{ revision: number }>;
    incr(input: { key: string; by: number }): Promise<{ revision: number; value: number }>;
    delete(input: { key: string }): Promise<{ deleted: boolean; revision: number | null }>;
  };
  readonly locks: {
    acquire(input: { names: [string]; ttlMs: number; waitMs: number }): Promise<{
      lease: { id: string; token: number };
    }>;
    check(input: { lease: string; token: number }): Promise<{ valid: boolean }>;
    release(input: { lease: string }): Promise<unknown>;
  };
  readonly mail: {
    append(input: { stream: string; events: { type: string; data: number }[] }): Promise<{ first: number }>;
    receive(input: { stream: string; group: string; ackWaitMs: number }): Promise<{
      deliveries: { deliveryId: string; position: number }[];
    } | null>;
    ack(input: { stream: string; group: string; deliveries: string[] }): Promise<unknown>;
  };
  readonly votes: VoteCalls;
  readonly tasks: ClaimCalls;
}

export type Client = ClientOf<Calls>;

export const kinds = ['item', 'lock', 'queue', 'vote', 'claim'] as const;
export type Kind = (typeof kinds)[number];

/** Makes `count` calls on one record. Its key begins with the kind. */
export async function work(client: Client, key: string, count: number): Promise<void> {
  const kind = key.split('-', 1)[0] as Kind;
  if (kind === 'item') await useItem(client, key, count);
  else if (kind === 'lock') await useLock(client, key, count);
  else if (kind === 'queue') await useQueue(client, key, count);
  else if (kind === 'vote') await useVote(client, key, count);
  else await useClaim(client, key, count);
}

async function useItem(client: Client, key: string, count: number): Promise<void> {
  const { memory } = client.view;
  let known = 0;
  for (let i = 0; i < count; i++) {
    const call = itemCall(draw(client, 20), known, client.process * 1000 + i * 10);
    const perform = async () => {
      switch (call.f) {
        case 'get': {
          const found = await memory.get({ key });
          return found && { revision: found.revision, value: found.value };
        }
        case 'set':
          return { revision: (await memory.set({ key, value: call.value })).revision, value: call.value };
        case 'cas': {
          const [expectedRevision, value] = call.value;
          return { revision: (await memory.set({ key, value, expectedRevision })).revision, value };
        }
        case 'incr':
          return await memory.incr({ key, by: call.value });
        case 'delete': {
          const { deleted, revision } = await memory.delete({ key });
          return deleted ? { revision: revision!, value: null } : null;
        }
      }
    };
    const seen = await observe(client, key, call, perform, {
      REVISION_CONFLICT: ({ details }) => {
        known = details['actual'] as number;
        return { actual: known };
      },
    });
    if (seen !== undefined) known = seen === null || seen.value === null ? 0 : seen.revision;
  }
}

function itemCall(drawn: number, known: number, fresh: number): ItemCall {
  if (drawn < 6) return { f: 'get', value: null };
  if (drawn < 12) return { f: 'cas', value: [known, fresh] };
  if (drawn < 15) return { f: 'set', value: fresh };
  if (drawn < 19) return { f: 'incr', value: 1 };
  return { f: 'delete', value: null };
}

const waitMs = 100;

async function useLock(client: Client, key: string, count: number): Promise<void> {
  const { locks } = client.view;
  for (let i = 0; i < count; i++) {
    const overstays = draw(client, 6) === 0;
    const waits = !overstays && draw(client, 3) === 0;
    const grant = `${overstays ? 'short' : 'long'} ${client.process}.${i}`;
    let lease: { id: string; token: number } | undefined;
    const ttlMs = overstays ? leaseMs.short : leaseMs.long;
    await observe(
      client,
      key,
      { f: 'acquire', value: grant },
      async () => {
        ({ lease } = await locks.acquire({ names: [key], ttlMs, waitMs: waits ? waitMs : 0 }));
        return lease.token;
      },
      { LOCK_HELD: () => false, TIMEOUT: () => null },
    );
    if (!lease) continue;
    const { id, token } = lease;
    const isInForce = async () => (await locks.check({ lease: id, token })).valid;
    const check = () => observe(client, key, { f: 'check', value: grant }, isInForce);
    if (overstays) {
      await until('the lease runs out', async () => !(await isInForce()));
      await check();
    } else if (draw(client, 3) === 0) await check();
    await observe(
      client,
      key,
      { f: 'release', value: grant },
      async () => {
        await locks.release({ lease: id });
        return true;
      },
      { LEASE_LOST: () => false },
    );
  }
}

async function useQueue(client: Client, key: string, count: number): Promise<void> {
  const { mail } = client.view;
  for (let i = 0; i < count; i++) {
    if (draw(client, 2) === 0) {
      await observe(client, key, { f: 'append', value: null }, async () => {
        const { first } = await mail.append({ stream: key, events: [{ type: 'work', data: i }] });
        return first;
      });
      continue;
    }
    await observe(client, key, { f: 'receive', value: null }, async () => {
      const received = await mail.receive({ stream: key, group: 'workers', ackWaitMs: 600_000 });
      const delivery = received?.deliveries[0];
      if (delivery && draw(client, 2) === 0) {
        await mail.ack({ stream: key, group: 'workers', deliveries: [delivery.deliveryId] });
      }
      return delivery?.position ?? 0;
    });
  }
}
