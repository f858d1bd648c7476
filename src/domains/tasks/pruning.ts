import type { WriteContext } from '../../kernel/context.ts';
import { invalid } from '../../kernel/errors.ts';
import { entriesMax } from '../../kernel/pruning.ts';
import type { Work } from '../../kernel/work.ts';
import { artifactsOf, dropArtifact } from './artifact-statements.ts';
import { dropEdgesOf, isAwaited, settleEdgesOn } from './graph/statements.ts';
import { overStatuses } from './model.ts';
import { subjectOf } from './records.ts';
import * as references from './references.ts';
import { attemptSubject } from './settling.ts';
import { attemptsOf, dropAttempts, dropTask, type TaskRow, tasksOfStatus } from './statements.ts';

/** Forgetting tasks that are over, with their failed attempts and the references to their artifacts. */

const pageSize = 500;
const deleted = { revision: [1, 2], facts: { deleted: 1 } } as const;

interface Pruned {
  readonly pruned: number;
  readonly nextCursor: string | null;
}

/**
 * Looks at `limit` tasks that are over, by status and id, and forgets those that ended before a time. One that others wait
 * for stays, whenever it ended.
 */
export function* prunePage(
  context: WriteContext,
  { before, cursor, limit }: { readonly before: number; readonly cursor: string; readonly limit: number },
): Work<Pruned> {
  const { status, after } = placeAt(cursor);
  const rows = yield* tasksOfStatus(context.project, status, after, limit);
  let [pruned, entries, last] = [0, 0, after];
  for (const row of rows) {
    const old = row.completed_at !== null && row.completed_at < before && row.due_at === null;
    if (old && !(yield* isAwaited(context.project, row.id))) {
      entries += yield* forgetArtifacts(context, row.id, entriesMax - entries);
      if (entries >= entriesMax) return { pruned, nextCursor: `${status}/${last}` };
      entries += yield* forget(context, row);
      pruned++;
    }
    last = row.id;
  }
  if (rows.length === limit) return { pruned, nextCursor: `${status}/${last}` };
  const next = overStatuses[overStatuses.indexOf(status) + 1];
  return { pruned, nextCursor: next ? `${next}/` : null };
}

function placeAt(cursor: string): { status: (typeof overStatuses)[number]; after: string } {
  if (cursor === '') return { status: overStatuses[0], after: '' };
  const status = overStatuses.find((name) => cursor.startsWith(`${name}/`));
  if (!status) throw invalid('cursor', 'a cursor as it was answered');
  return { status, after: cursor.slice(status.length + 1) };
}

function* forgetArtifacts(context: WriteContext, task: string, limit: number): Work<number> {
  const rows = yield* artifactsOf(context.project, task, limit);
  for (const row of rows) {
    yield* context.record(references.subjectOf(row), deleted);
    yield* dropArtifact(context.project, row.id);
  }
  return rows.length;
}

function* forget(context: WriteContext, row: TaskRow): Work<number> {
  const { project } = context;
  let entries = 1;
  for (let after = 0; ; ) {
    const page = yield* attemptsOf(project, row.id, after, pageSize);
    for (const attempt of page) yield* context.record(attemptSubject(attempt), deleted);
    entries += page.length;
    if (page.length < pageSize) break;
    after = page.at(-1)!.attempt;
  }
  yield* context.record(subjectOf(row), {
    revision: [row.revision, row.revision + 1],
    facts: { deleted: 1 },
  });
  yield* dropAttempts(project, row.id);
  yield* dropEdgesOf(project, row.id);
  yield* settleEdgesOn(project, row.id);
  yield* dropTask(project, row.id);
  return entries;
}
