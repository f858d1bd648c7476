import type { WriteContext } from '../../kernel/context.ts';
import type { Erasure, SealedTable } from '../../kernel/vault/sealed.ts';
import type { Work } from '../../kernel/work.ts';
import { artifactsIn, dropArtifact, ownedArtifacts } from './artifact-statements.ts';
import { attemptBinding, bindingOf, type Part } from './contents.ts';
import { unblock } from './graph/spreading.ts';
import { dependentsAfter, dropEdge, dropEdgesOf, orphanedEdges } from './graph/statements.ts';
import { subjectOf, write } from './records.ts';
import * as references from './references.ts';
import { attemptSubject } from './settling.ts';
import {
  attemptsOf,
  dropAttempts,
  dropTask,
  ownedTasks,
  type TaskRow,
  taskById,
  tasksIn,
} from './statements.ts';

function partOf(column: string, part: Part): SealedTable {
  return {
    table: 'tasks',
    column,
    key: { id: '' },
    columns: { scope: 't.scope', revision: part === 'task' ? 't.revision' : '0' },
    binding: (row) =>
      bindingOf({ id: String(row['id']), scope: String(row['scope']) }, part, Number(row['revision'])),
  };
}

export const sealedTables: readonly SealedTable[] = [
  partOf('sealed', 'task'),
  partOf('result_sealed', 'result'),
  partOf('note_sealed', 'note'),
  {
    table: 'task_attempts',
    column: 'sealed',
    key: { task_id: '', attempt: 0 },
    columns: { scope: 't.scope' },
    binding: (row) =>
      attemptBinding({
        task_id: String(row['task_id']),
        attempt: Number(row['attempt']),
        scope: String(row['scope']),
      }),
  },
  {
    table: 'artifacts',
    column: 'sealed',
    key: { id: '' },
    columns: { scope: 't.scope' },
    binding: (row) => references.bindingOf({ id: String(row['id']), scope: String(row['scope']) }),
  },
];

const pageSize = 500;

export const erasures: readonly Erasure[] = [
  {
    noun: 'tasks',
    *erase(context, { agent, scopes, owned }) {
      let erased = 0;
      for (const scope of scopes)
        erased += yield* eraseAll(context, () => tasksIn(context.project, scope, pageSize), eraseTask);
      const own = () => ownedTasks(context.project, agent, pageSize);
      if (owned) erased += yield* eraseAll(context, own, eraseOwnTask);
      if (erased > 0) yield* loseOrphans(context);
      return erased;
    },
  },
  {
    noun: 'artifacts',
    *erase(context, { agent, scopes, owned }) {
      let erased = 0;
      for (const scope of scopes)
        erased += yield* eraseAll(
          context,
          () => artifactsIn(context.project, scope, pageSize),
          (_, { id }) => dropArtifact(context.project, id),
        );
      if (!owned) return erased;
      const own = () => ownedArtifacts(context.project, agent, pageSize);
      return (
        erased +
        (yield* eraseAll(context, own, function* (_, row) {
          const facts = { deleted: 1, erased: 1 };
          yield* context.record(references.subjectOf(row), { revision: [1, 2], facts });
          return yield* dropArtifact(context.project, row.id);
        }))
      );
    },
  },
];

function* eraseAll<Row>(
  context: WriteContext,
  page: () => Work<Row[]>,
  erase: (context: WriteContext, row: Row) => Work<number>,
): Work<number> {
  let erased = 0;
  for (;;) {
    const rows = yield* page();
    if (rows.length === 0) return erased;
    for (const row of rows) erased += yield* erase(context, row);
  }
}

/** The task with its history. Nothing waits any more for what is not there. */
function* eraseTask(context: WriteContext, { id }: TaskRow): Work<number> {
  yield* dropAttempts(context.project, id);
  yield* dropEdgesOf(context.project, id);
  const dropped = yield* dropTask(context.project, id);
  for (;;) {
    const waiting = yield* dependentsAfter(context.project, id, '', pageSize);
    for (const { task_id } of waiting) yield* loseDependency(context, task_id, id);
    if (waiting.length < pageSize) return dropped;
  }
}

/** Nor does anything say that it has waited for it: another task may come under its id. */
function* loseOrphans(context: WriteContext): Work<void> {
  for (;;) {
    const edges = yield* orphanedEdges(context.project, pageSize);
    for (const { task_id, depends_on } of edges) yield* loseDependency(context, task_id, depends_on);
    if (edges.length < pageSize) return;
  }
}

function* loseDependency(context: WriteContext, task: string, erased: string): Work<void> {
  yield* dropEdge(context.project, task, erased);
  const row = yield* taskById(context.project, task);
  if (!row) return;
  yield* write(context, row, { dependencies: row.dependencies - 1 }, 'tasks.removeDependency');
  yield* unblock(context, task);
}

function* eraseOwnTask(context: WriteContext, row: TaskRow): Work<number> {
  const facts = { deleted: 1, erased: 1 };
  for (let after = 0; ; ) {
    const attempts = yield* attemptsOf(context.project, row.id, after, pageSize);
    for (const attempt of attempts)
      yield* context.record(attemptSubject(attempt), { revision: [1, 2], facts });
    if (attempts.length < pageSize) break;
    after = attempts.at(-1)!.attempt;
  }
  yield* context.record(subjectOf(row), { revision: [row.revision, row.revision + 1], facts });
  return yield* eraseTask(context, row);
}
