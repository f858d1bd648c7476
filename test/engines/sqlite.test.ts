import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { SqliteEngine } from '../../src/kernel/engines/sqlite/engine.ts';
import { one, statement, type Work } from '../../src/kernel/work.ts';
import { temporaryFolder } from '../support/processes.ts';

const count = statement('SELECT count(*) AS rows FROM turns');

function* rows(): Work<number> {
  return (yield* one<{ rows: number }>(count))!.rows;
}

/** An engine with little patience, and another connection to its file, which has the write lock. */
function besideHolder(): { engine: SqliteEngine; holder: DatabaseSync } & Disposable {
  const file = join(temporaryFolder(), 'x.db');
  const engine = new SqliteEngine(file, 'relaxed', { stuckAfterMs: 150, starvedAfterMs: 1500 });
  const holder = new DatabaseSync(file);
  holder.exec('CREATE TABLE turns (n INTEGER); BEGIN IMMEDIATE; INSERT INTO turns VALUES (0)');
  return {
    engine,
    holder,
    [Symbol.dispose]: () => {
      holder.close();
      void engine.close();
    },
  };
}

/** Commits and takes the lock again at once, so that nobody comes in between, until told to stop. */
async function takeTurns(holder: DatabaseSync, stop: { now: boolean }): Promise<number> {
  let turns = 1;
  for (; !stop.now; turns++) {
    await delay(20);
    holder.exec('COMMIT; BEGIN IMMEDIATE; INSERT INTO turns VALUES (0)');
  }
  holder.exec('COMMIT');
  return turns;
}

it('gives up on a write lock that one holder keeps', async () => {
  using both = besideHolder();
  await expect(both.engine.transact(rows)).rejects.toMatchObject({ code: 'BUSY' });
  expect(() => both.engine.transactSync(rows)).toThrow(expect.objectContaining({ code: 'BUSY' }));
  both.holder.exec('COMMIT');
  expect(await both.engine.transact(rows)).toBe(1);
});

it('waits on as long as others get their turns', async () => {
  using both = besideHolder();
  const stop = { now: false };
  const turns = takeTurns(both.holder, stop);
  const waiting = both.engine.transact(rows);
  await delay(600); // four times what it waits for one holder
  stop.now = true;
  expect(await waiting).toBe(await turns);
});

it('gives up in the end when it never gets a turn', async () => {
  using both = besideHolder();
  const stop = { now: false };
  const turns = takeTurns(both.holder, stop);
  await expect(both.engine.transact(rows)).rejects.toMatchObject({ code: 'BUSY' });
  stop.now = true;
  expect(await turns).toBeGreaterThan(20);
});
