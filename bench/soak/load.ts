import type { Rookery, View } from '../../src/rookery.ts';

/**
 * The mixed load of one process of the soak. Every agent does one thing after the other, drawn by chance; what was
 * acknowledged is remembered, so that the end can be compared with it.
 */
export interface Load {
  readonly process: number;
  readonly agents: number;
  readonly seconds: number;
}

export interface Outcome {
  readonly operations: number;
  readonly failures: Readonly<Record<string, number>>;
  /** Latencies in milliseconds, a sample of each kind. */
  readonly latencies: Readonly<Record<string, readonly number[]>>;
  /** What was acknowledged: the value that a key must have, in the order of `keys`. */
  readonly keys: Readonly<Record<string, number>>;
  readonly increments: number;
  readonly appended: number;
  readonly delivered: readonly number[];
  readonly created: number;
  readonly completed: readonly string[];
  readonly signalled: number;
  readonly answered: number;
  readonly guarded: number;
}

export const stream = 'soak';
export const group = 'workers';
export const counterKey = 'counter';
export const guardedKey = 'guarded';
const resources = 20;
const sampleMost = 20_000;

/** Everything that one process remembers of what the store has promised it. */
class Memory {
  operations = 0;
  readonly failures: Record<string, number> = {};
  readonly latencies: Record<string, number[]> = {};
  readonly keys: Record<string, number> = {};
  increments = 0;
  appended = 0;
  readonly delivered: number[] = [];
  created = 0;
  readonly completed: string[] = [];
  signalled = 0;
  answered = 0;
  guarded = 0;

  async timed<T>(kind: string, act: () => Promise<T>): Promise<T | undefined> {
    const started = performance.now();
    try {
      const value = await act();
      this.latencies[kind] ??= [];
      const known = this.latencies[kind];
      if (known.length < sampleMost) known.push(performance.now() - started);
      this.operations++;
      return value;
    } catch (error) {
      const code = `${kind} ${(error as { code?: string }).code ?? String(error)}`;
      this.failures[code] = (this.failures[code] ?? 0) + 1;
      return undefined;
    }
  }
}

export async function work(rookery: Rookery, load: Load): Promise<Outcome> {
  const memory = new Memory();
  const deadline = performance.now() + load.seconds * 1000;
  const ids = Array.from({ length: load.agents }, (_, i) => `agent-${load.process}-${i}`);
  await Promise.all(ids.map((id) => rookery.as(id).fleet.register({})));
  await Promise.all(
    ids.map((id, i) => act(rookery.as(id), { id, next: ids[(i + 1) % ids.length]! }, memory, deadline)),
  );
  return memory;
}

interface Actor {
  readonly id: string;
  /** Whom it sends signals to. */
  readonly next: string;
}

async function act(view: View, actor: Actor, memory: Memory, deadline: number): Promise<void> {
  for (let turn = 0; performance.now() < deadline; turn++) {
    await acts[Math.floor(Math.random() * acts.length)]!(view, actor, memory, turn);
  }
  // What was sent to it late still wants an answer.
  await answerSignals(view, actor, memory, 0);
}

type Act = (view: View, actor: Actor, memory: Memory, turn: number) => Promise<void>;

const setKey: Act = async (view, { id }, memory, turn) => {
  const level = turn % 3 === 0 ? 'private' : 'project';
  const key = `${level}/${id}/${turn % 10}`;
  const stored = await memory.timed(`memory.set ${level}`, () =>
    view.memory.set({ key, value: turn, level }),
  );
  if (stored) memory.keys[`${id}\n${key}`] = turn;
};

const getKey: Act = async (view, { id }, memory, turn) => {
  const known = Object.keys(memory.keys).length > 0 ? `project/${id}/${turn % 10}` : counterKey;
  await memory.timed('memory.get', () => view.memory.get({ key: known }));
};

const increment: Act = async (view, _, memory) => {
  const counted = await memory.timed('memory.incr', () => view.memory.incr({ key: counterKey }));
  if (counted) memory.increments++;
};

const append: Act = async (view, { id }, memory, turn) => {
  const events = [{ type: 'note', data: { from: id, turn } }];
  if (await memory.timed('mail.append', () => view.mail.append({ stream, events }))) memory.appended++;
};

const receive: Act = async (view, _, memory) => {
  const page = await memory.timed('mail.receive', () => view.mail.receive({ stream, group, max: 10 }));
  if (!page || page.deliveries.length === 0) return;
  const deliveries = page.deliveries.map(({ deliveryId }) => deliveryId);
  const settled = await memory.timed('mail.ack', () => view.mail.ack({ stream, group, deliveries }));
  if (settled) memory.delivered.push(...page.deliveries.map(({ event }) => event.position));
};

/** A read-modify-write that only the lease protects. */
const guard: Act = async (view, _, memory, turn) => {
  const path = `src/part-${turn % resources}.ts`;
  const held = await memory.timed('locks.acquire', () =>
    view.locks.acquire({ path, ttlMs: 10_000, waitMs: 2000 }),
  );
  if (!held?.lease) return;
  const fence = { lease: held.lease.id, token: held.lease.token };
  const key = `${guardedKey}/${turn % resources}`;
  const before = ((await view.memory.get({ key }))?.value as number | undefined) ?? 0;
  if (await memory.timed('fenced set', () => view.memory.set({ key, value: before + 1 }, { fence })))
    memory.guarded++;
  await memory.timed('locks.release', () => view.locks.release({ lease: held.lease!.id }));
};

const createTask: Act = async (view, { id }, memory, turn) => {
  if (await memory.timed('tasks.create', () => view.tasks.create({ title: `work ${id}/${turn}` })))
    memory.created++;
};

const claimTask: Act = async (view, _, memory) => {
  const claimed = await memory.timed('tasks.claim', () => view.tasks.claim({ leaseMs: 60_000 }));
  if (!claimed) return;
  const { task, claim } = claimed;
  const ended = await memory.timed('tasks.complete', () =>
    view.tasks.complete({ task: task.id, token: claim.token }),
  );
  if (ended) memory.completed.push(task.id);
};

const signal: Act = async (view, { next }, memory, turn) => {
  const sent = await memory.timed('signals.send', () =>
    view.signals.send({ type: 'status', targets: [next], payload: { turn }, timeoutMs: 600_000 }),
  );
  if (sent) memory.signalled++;
};

const answerSignals: Act = async (view, _, memory) => {
  const page = await memory.timed('signals.receive', () => view.signals.receive({}));
  for (const { id } of page?.signals ?? []) {
    if (await memory.timed('signals.acknowledge', () => view.signals.acknowledge({ signal: id })))
      memory.answered++;
  }
};

const acts: readonly Act[] = [
  setKey,
  setKey,
  getKey,
  getKey,
  increment,
  append,
  append,
  receive,
  receive,
  guard,
  createTask,
  claimTask,
  claimTask,
  signal,
  answerSignals,
];
