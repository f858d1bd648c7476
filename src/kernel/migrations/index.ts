import { isoTime } from '../clock.ts';
import { RookeryError } from '../errors.ts';
import { change, type Dialect, many, one, script, statement, type Work } from '../work.ts';
import { kernel } from './001-kernel.ts';
import { memory } from './002-memory.ts';
import { mail } from './003-mail.ts';
import { locks } from './004-locks.ts';
import { missions } from './005-missions.ts';
import { labels } from './006-labels.ts';
import { fleet } from './007-fleet.ts';
import { signals } from './008-signals.ts';
import { votes } from './009-votes.ts';
import { tasks } from './010-tasks.ts';
import { loop } from './011-loop.ts';
import { relay } from './012-relay.ts';
import { keys } from './013-keys.ts';
import { checkpoints } from './014-checkpoints.ts';
import { entries } from './015-entries.ts';
import type { Migration } from './migration.ts';

export const migrations: readonly Migration[] = [
  kernel,
  memory,
  mail,
  locks,
  missions,
  labels,
  fleet,
  signals,
  votes,
  tasks,
  loop,
  relay,
  keys,
  checkpoints,
  entries,
];

const createTable = statement(`
  CREATE TABLE IF NOT EXISTS schema_migrations (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    breaking INTEGER NOT NULL,
    applied_at TEXT NOT NULL
  )`);
const selectTable = statement(
  "SELECT 1 AS there FROM sqlite_master WHERE type = 'table' AND name = 'schema_migrations'",
  {
    when: 'postgres',
    sql: "SELECT 1 AS there WHERE to_regclass('schema_migrations') IS NOT NULL",
    because: 'each engine has a catalogue of its own',
  },
);
const serialise = statement('SELECT 1 AS held', {
  when: 'postgres',
  sql: 'SELECT pg_advisory_xact_lock(1380668505, hashtext(current_schema())) IS NULL AS held',
  because: 'SQLite migrates under its one write lock; Postgres needs a lock of its own, for each schema',
});
const selectApplied = statement(
  'SELECT number, name, breaking FROM schema_migrations ORDER BY number LIMIT 10000',
);
const insertApplied = statement(
  'INSERT INTO schema_migrations (number, name, breaking, applied_at) VALUES ($1, $2, $3, $4)',
);

interface AppliedRow {
  number: number;
  name: string;
  breaking: number;
}

/**
 * Brings the schema up to date in one transaction; whoever comes second finds it done, and writes nothing. A store that
 * a newer program changed in a way this one cannot follow is refused before anything is written.
 */
export function* migrate(dialect: Dialect, now: number): Work<number> {
  if ((yield* one(selectTable)) && (yield* missing()).length === 0) return migrations.at(-1)!.number;
  yield* one(serialise);
  yield* change(createTable);
  for (const { number, name, breaking, sql } of yield* missing()) {
    yield* script(sql(dialect));
    yield* change(insertApplied, [number, name, breaking ? 1 : 0, isoTime(now)]);
  }
  return migrations.at(-1)!.number;
}

/** The steps that a store has not had yet. */
function* missing(): Work<readonly Migration[]> {
  const applied = yield* many<AppliedRow>(selectApplied);
  const known = new Map(migrations.map((migration) => [migration.number, migration]));
  for (const row of applied) {
    const ours = known.get(row.number);
    if (ours ? ours.name === row.name : row.breaking === 0) continue;
    throw new RookeryError(
      'STORE_INCOMPATIBLE',
      `the store has schema step ${row.number} (${row.name}), which this program does not know: use a newer Rookery`,
      { step: row.number, name: row.name, newestKnown: migrations.at(-1)!.number },
    );
  }
  const done = new Set(applied.map((row) => row.number));
  return migrations.filter(({ number }) => !done.has(number));
}
