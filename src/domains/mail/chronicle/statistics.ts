import type { ReadContext } from '../../../kernel/context.ts';
import { inOneSnapshot, type Steps } from '../../../kernel/operation.ts';
import type { Work } from '../../../kernel/work.ts';
import { countsBetween, entryFurtherOn } from './statements.ts';

export interface Statistics {
  total: number;
  byType: Record<string, number>;
  byStreamType: Record<string, number>;
  firstAt: string | null;
  lastAt: string | null;
}

/** Events counted in one snapshot: a few milliseconds, after which others get their turn. */
const countedAtOnce = 10_000;

/** What the caller may read of the chronicle, counted a stretch at a time. */
export function* statisticsSteps(context: ReadContext): Steps<Statistics> {
  const statistics: Statistics = { total: 0, byType: {}, byStreamType: {}, firstAt: null, lastAt: null };
  // Rows that plain SQL put in belong to no entry: they have the number 0.
  for (let after: number | undefined = -1; after !== undefined; ) {
    const from: number = after;
    yield function* (): Work<void> {
      yield* context.identity();
      const end = yield* entryFurtherOn(context.project, from + 1, countedAtOnce);
      for (const row of yield* countsBetween(context, from, end ?? Number.MAX_SAFE_INTEGER))
        count(statistics, row);
      after = end;
    };
  }
  return statistics;
}

export function statisticsAtOnce(context: ReadContext): Work<Statistics> {
  return inOneSnapshot(statisticsSteps(context));
}

function count(
  statistics: Statistics,
  row: { type: string; stream_type: string; n: number; first_at: string; last_at: string },
): void {
  const { byType, byStreamType, firstAt, lastAt } = statistics;
  statistics.total += row.n;
  byType[row.type] = (Object.hasOwn(byType, row.type) ? byType[row.type]! : 0) + row.n;
  byStreamType[row.stream_type] = (byStreamType[row.stream_type] ?? 0) + row.n;
  if (firstAt === null || row.first_at < firstAt) statistics.firstAt = row.first_at;
  if (lastAt === null || row.last_at > lastAt) statistics.lastAt = row.last_at;
}
