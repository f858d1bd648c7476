import type { ReadContext } from '../../kernel/context.ts';
import { differing, type StateCheck, type StoredRecord } from '../../kernel/ledger/state.ts';
import { type ArtifactRow, artifactsForChecks } from './artifact-statements.ts';
import { errorIn } from './contents.ts';
import { verdictOn } from './graph/spreading.ts';
import { edgesForChecks } from './graph/statements.ts';
import { isOver, laneOf, placeOf, type Status } from './model.ts';
import { contentText, subjectOf } from './records.ts';
import * as references from './references.ts';
import { attemptSubject, attemptText } from './settling.ts';
import { type AttemptRow, attemptsForChecks, type TaskRow, tasksForChecks } from './statements.ts';

const pageSize = 500;

/** Tasks, their failed attempts and their artifacts are what their entries say; dependencies agree with the tasks. */
export const stateChecks: readonly StateCheck[] = [
  {
    kind: 'task',
    complete: true,
    keepsDeleted: false,
    *page(context, after = ['']) {
      const rows = yield* tasksForChecks(context.project, String(after[0]), pageSize);
      return {
        records: rows.map((row) => taskRecord(context, row)),
        next: rows.length === pageSize ? [rows.at(-1)!.id] : undefined,
      };
    },
  },
  {
    kind: 'task',
    complete: false,
    keepsDeleted: false,
    *page(context, after = ['', '']) {
      const [task, other] = [String(after[0]), String(after[1])];
      const rows = yield* edgesForChecks(context.project, task, other, pageSize);
      const last = rows.at(-1);
      return {
        records: [],
        problems: rows.flatMap(disagreement),
        next: last && rows.length === pageSize ? [last.task_id, last.depends_on] : undefined,
      };
    },
  },
  {
    kind: 'attempt',
    complete: true,
    keepsDeleted: false,
    *page(context, after = ['', 0]) {
      const [task, attempt] = [String(after[0]), Number(after[1])];
      const rows = yield* attemptsForChecks(context.project, task, attempt, pageSize);
      const last = rows.at(-1);
      return {
        records: rows.map((row) => attemptRecord(context, row)),
        next: last && rows.length === pageSize ? [last.task_id, last.attempt] : undefined,
      };
    },
  },
  {
    kind: 'artifact',
    complete: true,
    keepsDeleted: false,
    *page(context, after = ['']) {
      const rows = yield* artifactsForChecks(context.project, String(after[0]), pageSize);
      return {
        records: rows.map((row) => artifactRecord(context, row)),
        next: rows.length === pageSize ? [rows.at(-1)!.id] : undefined,
      };
    },
  },
];

function taskRecord(context: ReadContext, row: TaskRow & { entry: string | null }): StoredRecord {
  return {
    subject: subjectOf(row),
    label: `task ${row.id}`,
    seq: row.seq,
    entry: row.entry,
    current: true,
    differences: (entry) =>
      differing('revision', row.revision, entry.revision?.[1]) +
      differing('token', row.token, entry.facts?.['token']) +
      differing('level', row.level, entry.level) +
      differing('lane', row.lane, laneIn(row)) +
      differing('place', row.place, placeIn(row)),
    content: () => contentText(context, row),
  };
}

function laneIn({ assigned_to: assignee, scope, type, capabilities }: TaskRow): string {
  return laneOf({ assignee, scope, type, capabilities: JSON.parse(capabilities) });
}

/** Where it must stand while it can be taken; at other times that says nothing. */
function placeIn({ status, place, priority, ready_at }: TaskRow): number {
  return status === 'pending' ? placeOf(priority, ready_at ?? 0) : place;
}

/** Whether a dependency is settled follows from the task that it is on. One that failed may have been retried since. */
function disagreement(row: {
  task_id: string;
  depends_on: string;
  on_failure: 'block' | 'cascade' | 'ignore';
  settled: number;
  status: string | null;
  redrives: number | null;
  due_at: number | null;
  namesake: number;
}) {
  // Gone: erased, or found missing as a task.
  if (row.status === null) return [];
  if (row.settled === 1 && row.namesake === 1) return [];
  // Its end is still being told.
  if (isOver(row.status as Status) && row.due_at !== null) return [];
  const verdict = verdictOn(row.status as Status, row.on_failure);
  const ignoredBefore = row.on_failure === 'ignore' && (row.redrives ?? 0) > 0;
  const agrees = row.settled === (verdict === 'settled' ? 1 : 0) || (row.settled === 1 && ignoredBefore);
  if (agrees) return [];
  const message = `its dependency on ${row.depends_on} is stored as ${row.settled === 1 ? '' : 'not '}settled, and that is ${row.status}`;
  return [{ kind: 'state-changed' as const, seq: null, subject: `task ${row.task_id}`, message }];
}

function attemptRecord(context: ReadContext, row: AttemptRow & { entry: string | null }): StoredRecord {
  return {
    subject: attemptSubject(row),
    label: `attempt ${row.attempt} at task ${row.task_id}`,
    seq: row.seq,
    entry: row.entry,
    current: true,
    differences: (entry) => differing('token', row.token, entry.facts?.['token']),
    *content() {
      return attemptText(row, yield* errorIn(context, row));
    },
  };
}

function artifactRecord(context: ReadContext, row: ArtifactRow & { entry: string | null }): StoredRecord {
  return {
    subject: references.subjectOf(row),
    label: `artifact ${row.id}`,
    seq: row.seq,
    entry: row.entry,
    current: true,
    differences: (entry) => differing('level', row.level, entry.level),
    content: () => references.contentText(context, row),
  };
}
