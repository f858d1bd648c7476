import { createHash } from 'node:crypto';
import type { SqliteEngine } from '../../src/kernel/engines/sqlite/engine.ts';
import type { Rookery } from '../../src/rookery.ts';

/** What can be seen of a store: the state after some of the steps. */
export type State = Readonly<Record<string, unknown>>;

interface Step {
  /** One call that is acknowledged when it resolves. */
  run(rookery: Rookery): Promise<unknown>;
  /** What it adds to the state. */
  readonly makes: State;
}

/** A commit of many pages, also when it is compressed. */
const big = createHash('shake256', { outputLength: 75_000 }).update('big').digest('hex');

/** A short life of a store, from its first opening on; each step is one commit. */
export const steps: readonly Step[] = [
  { run: ({ memory }) => memory.set({ key: 'a', value: 1 }), makes: { a: 1 } },
  {
    run: ({ memory }) => memory.mset({ entries: ['b', 'c', 'd'].map((key) => ({ key, value: key })) }),
    makes: { b: 'b', c: 'c', d: 'd' },
  },
  {
    run: ({ memory }) => memory.set({ key: 'secret', value: 's', level: 'private' }),
    makes: { secret: 's' },
  },
  { run: ({ memory }) => memory.incr({ key: 'a' }), makes: { a: 2 } },
  {
    run: ({ mail }) =>
      mail.append({ stream: 'news', events: [1, 2, 3].map((data) => ({ type: 'n', data })) }),
    makes: { news: 3 },
  },
  { run: ({ memory }) => memory.delete({ key: 'b' }), makes: { b: null } },
  { run: ({ memory }) => memory.set({ key: 'big', value: big, encrypt: true }), makes: { big: big.length } },
  { run: ({ audit }) => audit.checkpoint(), makes: {} },
  { run: foldLog, makes: {} },
  { run: ({ memory }) => memory.set({ key: 'a', value: 10 }), makes: { a: 10 } },
  { run: ({ locks }) => locks.acquire({ names: ['door'] }), makes: { door: 'local' } },
  { run: ({ memory }) => memory.set({ key: 'c', value: 'last' }), makes: { c: 'last' } },
];

/** Writes the log back into the database file, as SQLite does by itself from time to time. */
async function foldLog({ store }: Rookery): Promise<void> {
  (store.engine as SqliteEngine).database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
}

const nothing: State = { a: null, b: null, c: null, d: null, secret: null, big: null, news: 0, door: null };

/** The state after the first `count` steps. */
export function stateAfter(count: number): State {
  return Object.assign({}, nothing, ...steps.slice(0, count).map(({ makes }) => makes));
}

export async function stateOf({ memory, mail, locks }: Rookery): Promise<State> {
  const state: Record<string, unknown> = { ...nothing };
  for (const key of ['a', 'b', 'c', 'd', 'secret', 'big'])
    state[key] = (await memory.get({ key }))?.value ?? null;
  if (typeof state['big'] === 'string') state['big'] = state['big'].length;
  state['news'] = (await mail.read({ stream: 'news' }))?.events.length ?? 0;
  state['door'] = (await locks.list({})).locks[0]?.holder ?? null;
  return state;
}
