import { expect, it } from 'vitest';
import { canonicalJson } from '../../src/kernel/json.ts';
import type { Change } from '../../src/kernel/ledger/entry.ts';
import { leafHash } from '../../src/kernel/ledger/tree.ts';
import type { Transaction } from '../../src/kernel/transaction.ts';
import { change, one, statement, type Work } from '../../src/kernel/work.ts';
import type { Rookery } from '../../src/rookery.ts';
import type { Harness } from '../engines/index.ts';
import { ManualClock } from '../support/clock.ts';
import { entriesOf, execute, executeScript, ledgerOf, select } from '../support/statements.ts';

const insertNote = statement('INSERT INTO store (name, value) VALUES ($1, $2)');
const failing = statement('INSERT INTO store (name, value) VALUES ($1, NULL)');
const failingRead = statement('SELECT value FROM no_such_table WHERE name = $1');

const trace: Change = {
  operation: 'test.write',
  resource: 'test/1',
  level: 'project',
  scope: 'project',
  actor: 'a',
  decision: 'allow',
  risk: 'low',
};

/** Everything a work can leave behind. */
function* leaveTraces(tx: Transaction, name: string, effects: string[]): Work<number> {
  yield* change(insertNote, [name, 'x']);
  tx.record(trace);
  tx.touch(`test/${name}`);
  tx.afterCommit(() => effects.push(name));
  return tx.nextToken();
}

const noted = async (rookery: Rookery) =>
  (await select<{ name: string }>(rookery, "SELECT name FROM store WHERE value = 'x' ORDER BY name")).map(
    ({ name }) => name,
  );

/** What the kernel promises to every domain, on any engine: the laws of semantics, section 2. */
export function kernelSuite(harness: Harness): void {
  const failures: [name: string, fail: () => Work<unknown>][] = [
    [
      'throws',
      // biome-ignore lint/correctness/useYield: fails at once
      function* (): Work<unknown> {
        throw new Error('on purpose');
      },
    ],
    ['has a statement that fails', () => change(failing, ['bad'])],
    ['has a read that fails', () => one(failingRead, ['bad'])],
  ];

  it.each(failures)('keeps the neighbours of a work that %s, and nothing of it [K1]', async (_, fail) => {
    // With no time passing, no batch closes on its age.
    const rookery = await harness.open({ clock: Object.assign(new ManualClock(), { monotonic: () => 0 }) });
    const { commits } = rookery.store;
    const effects: string[] = [];
    const seen: Transaction[] = [];
    const submit = (name: string, after: () => Work<unknown>) =>
      commits.submit({
        project: 'default',
        *run(tx): Work<number> {
          seen.push(tx);
          const token = yield* leaveTraces(tx, name, effects);
          yield* after();
          return token;
        },
      });
    const rest = function* (): Work<void> {};
    const outcomes = await Promise.allSettled([submit('n1', rest), submit('n2', fail), submit('n3', rest)]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    // They did share a transaction.
    expect(new Set(seen.slice(-3)).size).toBe(1);
    expect(await noted(rookery)).toEqual(['n1', 'n3']);
    expect(effects).toEqual(['n1', 'n3']);
    expect((await entriesOf(rookery)).map(({ op }) => op)).toEqual(['test.write', 'test.write']);
    const [first, , third] = outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : 0));
    expect(third).toBe(first! + 1);
  });

  it('keeps what a batch did beside a work that fails before it writes [K1]', async () => {
    const rookery = await harness.open();
    const effects: string[] = [];
    const read = rookery.store.commits.submit({ project: 'default', run: () => one(failingRead, ['bad']) });
    const written = rookery.store.commits.submit({
      project: 'default',
      run: (tx) => leaveTraces(tx, 'n1', effects),
    });
    await expect(read).rejects.toThrow();
    await written;
    expect(await noted(rookery)).toEqual(['n1']);
  });

  it('gives no answer, not even a refusal, before the commit [K2]', async () => {
    const rookery = await harness.open();
    await rookery.memory.set({ key: 'k', value: 0 });
    await executeScript(
      rookery,
      `CREATE TABLE parent (id BIGINT PRIMARY KEY);
       CREATE TABLE child (parent_id BIGINT REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED);`,
    );
    const before = await ledgerOf(rookery);
    const orphan = statement('INSERT INTO child (parent_id) VALUES ($1)');
    // The second is refused because of the first, and the third makes the commit itself fail.
    const [winner, refused, spoiler] = await Promise.allSettled([
      rookery.memory.set({ key: 'k', value: 1, expectedRevision: 1 }),
      rookery.memory.set({ key: 'k', value: 2, expectedRevision: 1 }),
      rookery.store.commits.submit({ project: 'default', run: () => change(orphan, [1]) }),
    ]);
    for (const outcome of [winner, refused, spoiler]) {
      expect(outcome).toMatchObject({ status: 'rejected' });
      expect((outcome as PromiseRejectedResult).reason.code).not.toBe('REVISION_CONFLICT');
    }
    expect((await rookery.memory.get({ key: 'k' }))?.value).toBe(0);
    expect(await ledgerOf(rookery)).toEqual(before);
    // And the store works on.
    expect((await rookery.memory.set({ key: 'k', value: 3, expectedRevision: 1 })).revision).toBe(2);
  });

  it('numbers commits without a gap, in order, with two stores writing at once [K3]', async () => {
    const one = await harness.open();
    const two = await harness.again();
    let done = false;
    const looks: { size: number; last: number | null; items: number }[] = [];
    const watching = (async () => {
      while (!done) {
        const [look] = await select<(typeof looks)[number]>(
          one,
          `SELECT count(*) AS size, max(seq) AS last, (SELECT count(*) FROM memory) AS items FROM audit_log
           WHERE project_id = 'default' AND operation = 'memory.set'`,
        );
        looks.push(look!);
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    const write = async (rookery: Rookery, who: string) => {
      const mine: number[] = [];
      for (let round = 0; round < 10; round++) {
        const written = await Promise.all(
          Array.from({ length: 5 }, (_, i) =>
            rookery.as(who).memory.set({ key: `${who}-${round}-${i}`, value: 1 }),
          ),
        );
        mine.push(...written.map(({ seq }) => seq));
      }
      expect(mine).toEqual([...mine].sort((a, b) => a - b));
    };
    await Promise.all([write(one, 'a'), write(two, 'b')]);
    done = true;
    await watching;
    const entries = await entriesOf(one);
    expect(entries.map(({ seq }) => seq)).toEqual(entries.map((_, i) => i + 1));
    expect(entries.filter(({ op }) => op === 'memory.set')).toHaveLength(100);
    expect(entries.map(({ time }) => time)).toEqual(entries.map(({ time }) => time).sort((a, b) => a - b));
    // Whoever saw an entry saw all before it, and its effect.
    for (const { size, last, items } of looks) {
      expect(items).toBe(size);
      expect(last ?? 0).toBeLessThanOrEqual(size + 2); // two agents registered
    }
    expect(await one.audit.verify()).toMatchObject({ ok: true });
  });

  it('lets several stores make the same new project at once [K3]', async () => {
    const first = await harness.open();
    const stores = [first, await harness.again(), await harness.again()];
    const projects = Array.from({ length: 5 }, (_, i) => `p${i}`);
    await Promise.all(
      stores.flatMap((store, i) =>
        projects.map((project) => store.as(`agent-${i}`, { project }).memory.set({ key: `k${i}`, value: i })),
      ),
    );
    for (const project of projects) {
      const entries = await entriesOf(first, project);
      expect(entries.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6]);
      const { keys } = await first.as('agent-0', { project }).memory.keys();
      expect(keys.map(({ key }) => key)).toEqual(['k0', 'k1', 'k2']);
    }
  });

  it('has one clock that never goes back, also across openings [K4]', async () => {
    const clock = new ManualClock();
    const first = await harness.open({ clock });
    const start = clock.now();
    const at = async (rookery: Rookery) => (await rookery.memory.set({ key: 'k', value: 1 })).updatedAt;
    expect(await at(first)).toBe(start);
    clock.advance(5000);
    expect(await at(first)).toBe(start + 5000);
    clock.advance(-3_600_000);
    expect(await at(first)).toBe(start + 5000);
    const second = await harness.again({ clock });
    expect(await at(second)).toBe(start + 5000);
    clock.advance(3_600_000 + 1000);
    expect(await at(second)).toBe(start + 6000);
  });

  it('answers a repeated request from its record, once for all openings [K5]', async () => {
    const one = await harness.open();
    const two = await harness.again();
    const options = { idempotencyKey: 'key-1' };
    const again = (rookery: Rookery) => rookery.as('a').memory.incr({ key: 'n' }, options);
    const answers = await Promise.all([again(one), again(two), again(one), again(two)]);
    for (const answer of answers) expect(answer).toEqual({ value: 1, revision: 1 });
    expect(await again(await harness.again())).toEqual({ value: 1, revision: 1 });
    expect((await one.memory.get({ key: 'n' }))?.value).toBe(1);
    await expect(one.as('a').memory.incr({ key: 'n', by: 2 }, options)).rejects.toMatchObject({
      code: 'IDEMPOTENCY_CONFLICT',
    });
    // The key is the agent's own, and the operation's.
    expect(await one.as('b').memory.incr({ key: 'n' }, options)).toEqual({ value: 2, revision: 2 });
    expect(await one.as('a').memory.decr({ key: 'n' }, options)).toEqual({ value: 1, revision: 3 });
  });

  it('records no answer for what failed, and none in clear [K5]', async () => {
    const rookery = await harness.open();
    const a = rookery.as('a');
    const options = { idempotencyKey: 'k' };
    const write = (value: unknown) =>
      a.memory.set({ key: 'secret-name', value, expectedRevision: 0 }, options);
    await rookery.as('a').memory.set({ key: 'secret-name', value: 0 });
    await expect(write(1)).rejects.toMatchObject({ code: 'REVISION_CONFLICT' });
    await a.memory.delete({ key: 'secret-name' });
    expect((await write(1)).revision).toBe(3);
    const rows = await select<{ answer: Uint8Array }>(rookery, 'SELECT answer FROM idempotency');
    expect(rows).toHaveLength(1);
    expect(Buffer.from(rows[0]!.answer).includes('secret-name')).toBe(false);
    for (const idempotencyKey of ['', 'k'.repeat(256)]) {
      await expect(a.memory.incr({ key: 'n' }, { idempotencyKey })).rejects.toMatchObject({
        code: 'INVALID_INPUT',
        details: { field: 'idempotencyKey' },
      });
    }
  });

  it('forgets an answer after its time and not before [K5]', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const again = (key: string) => rookery.memory.incr({ key: 'n' }, { idempotencyKey: key });
    await again('k');
    clock.advance(24 * 3_600_000 - 1);
    expect((await again('k')).value).toBe(1);
    clock.advance(1);
    expect((await again('k')).value).toBe(2);
    await execute(rookery, 'UPDATE idempotency SET expires_at = 0');
    await again('other');
    expect(await select(rookery, 'SELECT key FROM idempotency')).toEqual([{ key: 'other' }]);
  });

  it('hands out growing fencing tokens, across openings and from two at once [K6]', async () => {
    const one = await harness.open();
    const token = (rookery: Rookery) =>
      rookery.store.commits.submit({
        project: 'default',
        // biome-ignore lint/correctness/useYield: a token needs no statement
        *run(tx): Work<number> {
          return tx.nextToken();
        },
      });
    const before = [await token(one), await token(one)];
    await one.close();
    const two = await harness.again();
    const three = await harness.again();
    const after = await Promise.all([token(two), token(three), token(two), token(three)]);
    const all = [...before, ...after.sort((a, b) => a - b)];
    expect(new Set(all).size).toBe(6);
    expect(all).toEqual([...all].sort((a, b) => a - b));
    expect(Number.isSafeInteger(all.at(-1)! * 1000)).toBe(true);
  });

  it('records denials, those too that look like a miss', async () => {
    const rookery = await harness.open();
    const [a, b] = [rookery.as('a'), rookery.as('b')];
    await a.memory.set({ key: 'k', value: 'secret', level: 'private' });
    await expect(b.memory.set({ key: 'k', value: 1, level: 'private', audience: 'a' })).rejects.toMatchObject(
      { code: 'FORBIDDEN' },
    );
    expect(await b.memory.get({ key: 'k', level: 'private', audience: 'a' })).toBeNull();
    const reader = rookery.as('b', { rights: ['read'] });
    await expect(reader.memory.set({ key: 'k', value: 1 })).rejects.toMatchObject({ code: 'FORBIDDEN' });
    const denials = (await entriesOf(rookery)).filter(({ decision }) => decision === 'deny');
    expect(denials.map(({ op, actor }) => [op, actor])).toEqual([
      ['memory.set', 'b'],
      ['memory.get', 'b'],
      ['memory.set', 'b'],
    ]);
  });

  it('writes every ledger entry as canonical JSON, with the leaf of exactly these bytes', async () => {
    const rookery = await harness.open();
    const a = rookery.as('ä-"agent"', { swarm: 's' });
    await a.memory.set(
      { key: 'k\\"é', value: { z: 1, a: [] }, level: 'private', ttl: 60 },
      { requestId: 'r-1' },
    );
    await a.memory.get({ key: 'k\\"é' });
    await a.memory.incr({ key: 'n' });
    await a.memory.delete({ key: 'n' });
    await a.memory.get({ key: 'k', level: 'private', audience: 'x' });
    const rows = await ledgerOf(rookery);
    expect(rows.length).toBeGreaterThan(5);
    for (const { seq, entry, leaf } of rows) {
      const parsed = JSON.parse(entry) as { seq: number };
      expect(entry).toBe(canonicalJson(parsed));
      expect(parsed.seq).toBe(seq);
      expect(Buffer.compare(leaf, leafHash(entry))).toBe(0);
      expect(entry).not.toContain('é');
    }
  });

  it('refuses to change or delete a ledger entry', async () => {
    const rookery = await harness.open();
    await rookery.memory.set({ key: 'k', value: 1 });
    const before = await ledgerOf(rookery);
    await expect(execute(rookery, "UPDATE audit_log SET agent_id = 'x'")).rejects.toThrow();
    await expect(execute(rookery, 'DELETE FROM audit_log')).rejects.toThrow();
    expect(await ledgerOf(rookery)).toEqual(before);
  });
}
