import { Collision } from '../../kernel/collision.ts';
import type { WriteContext } from '../../kernel/context.ts';
import type { Work } from '../../kernel/work.ts';
import { encodeMetadata, encodePart, notedIn, saidIn, storeNoted, storeSaid } from './contents.ts';
import { blocked } from './graph/edges.ts';
import { spread } from './graph/spreading.ts';
import { hasOpenEdge } from './graph/statements.ts';
import { laneOf, placeOf, type UpdateInput, wrongStatus } from './model.ts';
import { announce, changeable, pendingFrom, write } from './records.ts';
import { lapseIfOver } from './settling.ts';
import type { TaskRow } from './statements.ts';

/** What the audience of a task does with it: changing what it says, calling it off, trying it again. */

/** Changes what was named. Refused while an agent works on it, and when it is over for good. */
export function* update(context: WriteContext, input: UpdateInput): Work<TaskRow> {
  const row = yield* lapseIfOver(context, yield* changeable(context, input.task));
  assertRevision(row, input.expectedRevision);
  if (row.status !== 'blocked' && row.status !== 'pending' && row.status !== 'failed')
    throw wrongStatus(row, 'it can be changed while it waits, or as a dead letter');
  const columns = yield* columnsOf(context, row, input);
  const changed = yield* write(context, row, columns, 'tasks.update');
  announce(context, changed);
  return changed;
}

function assertRevision(row: TaskRow, expected: number | undefined): void {
  if (expected === undefined || expected === row.revision) return;
  const meeting = {
    type: 'version',
    kind: 'task',
    resource: row.id,
    scope: row.scope,
    others: [row.author],
  } as const;
  const details = { field: 'expectedRevision', expected, actual: row.revision };
  throw new Collision(
    'REVISION_CONFLICT',
    `the revision is ${row.revision}, not ${expected}`,
    meeting,
    details,
  );
}

function* columnsOf(context: WriteContext, row: TaskRow, input: UpdateInput): Work<Partial<TaskRow>> {
  const revision = row.revision + 1;
  const before = yield* saidIn(context, row);
  const said = {
    description: input.description ?? before.description,
    payload: encodePart('payload', input.payload) ?? before.payload,
    metadata: input.metadata === undefined ? before.metadata : encodeMetadata(input.metadata),
  };
  const assignee = input.assignee === undefined ? row.assigned_to : input.assignee;
  const capabilities =
    input.capabilities === undefined
      ? (JSON.parse(row.capabilities) as string[])
      : [...new Set(input.capabilities)].sort();
  const priority = input.priority ?? row.priority;
  return {
    // What was encrypted stays so when it changes.
    ...(yield* storeSaid(context, { id: row.id, scope: row.scope, revision }, said, row.sealed !== null)),
    title: input.title ?? row.title,
    priority,
    place: row.ready_at === null ? row.place : placeOf(priority, row.ready_at),
    assigned_to: assignee,
    capabilities: JSON.stringify(capabilities),
    lane: laneOf({ assignee, scope: row.scope, type: row.type, capabilities }),
    max_attempts: input.maxAttempts ?? row.max_attempts,
    backoff_ms: input.backoffMs ?? row.backoff_ms,
    time_limit_ms: input.timeLimitMs ?? row.time_limit_ms,
    author: context.agent,
    revision,
  };
}

/** Calls a task off; a claim on it is void from here on. */
export function* cancel(context: WriteContext, task: string, reason: string): Work<TaskRow> {
  const row = yield* lapseIfOver(context, yield* changeable(context, task));
  if (row.status === 'cancelled') return row;
  if (row.status === 'completed') throw wrongStatus(row, 'it cannot be cancelled');
  const { note } = yield* notedIn(context, row);
  const noted = yield* storeNoted(context, row, { note, error: reason });
  const over = { status: 'cancelled' as const, completed_at: context.now, due_at: null };
  const ended = yield* write(context, row, { ...noted, ...over }, 'tasks.cancel');
  yield* spread(context, ended);
  return ended;
}

/** Gives a dead letter all its attempts again. */
export function* retry(context: WriteContext, task: string): Work<TaskRow> {
  const row = yield* lapseIfOver(context, yield* changeable(context, task));
  if (row.status !== 'failed') throw wrongStatus(row, 'only a dead letter can be retried');
  if (row.due_at !== null) throw wrongStatus(row, 'those that depend on it are still being told: try again');
  const open = row.dependencies > 0 && (yield* hasOpenEdge(context.project, task));
  const { now } = context;
  const next = open ? blocked({ ready_at: null }, now) : pendingFrom(row, now, now);
  const again = { ...next, failures: 0, redrives: row.redrives + 1, completed_at: null, progress: 0 };
  const retried = yield* write(context, row, again, 'tasks.retry');
  announce(context, retried);
  return retried;
}
