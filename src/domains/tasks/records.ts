import { levelOf } from '../../kernel/access/model.ts';
import { Denial, type ReadContext, type Subject, type WriteContext } from '../../kernel/context.ts';
import { notFound, RookeryError } from '../../kernel/errors.ts';
import { limits } from '../../kernel/limits.ts';
import type { Work } from '../../kernel/work.ts';
import { notedIn, resultIn, saidIn } from './contents.ts';
import { edgesOf } from './graph/statements.ts';
import { type Dependency, fenced, isCurrent, placeOf, type Task, type TaskHead } from './model.ts';
import { replaceTask, type TaskRow, taskById } from './statements.ts';

/** Finding tasks with the right to them, writing them with their ledger entry, and showing them. */

export function subjectOf({ id, scope }: Pick<TaskRow, 'id' | 'scope'>): Subject {
  return { kind: 'task', name: id, scope };
}

/** Who waits for work is woken by these. */
export function readyTopic(type?: string): string {
  return type === undefined ? 'tasks/ready' : `tasks/ready/${type}`;
}

/** Who waits looks by itself this often: what comes due later needs no wake-up now. */
const looksEveryMs = 1000;

/** Wakes those that wait for work, unless the task is not to be had before they look by themselves. */
export function announce(context: WriteContext, row: TaskRow): void {
  if (row.status !== 'pending' || row.ready_at! > context.now + looksEveryMs) return;
  context.tx.touch(readyTopic());
  context.tx.touch(readyTopic(row.type));
}

/** The task, when the caller may read it. Absent and forbidden are one answer; the ledger hears of the latter. */
export function* readable(context: ReadContext, id: string): Work<TaskRow | undefined> {
  const identity = yield* context.identity();
  const row = yield* taskById(context.project, id);
  if (!row) return undefined;
  const { scope, owner } = row;
  if (yield* context.may(identity, 'read', 'tasks', { scope, owner, path: id })) return row;
  context.noteDenial(subjectOf(row));
  return undefined;
}

/** The same, for what cannot go on without it: throws NOT_FOUND. */
export function* seen(context: WriteContext, id: string): Work<TaskRow> {
  const identity = yield* context.identity();
  const row = yield* taskById(context.project, id);
  if (!row) throw notFound('task');
  const { scope, owner } = row;
  if (yield* context.may(identity, 'read', 'tasks', { scope, owner, path: id })) return row;
  throw new Denial('NOT_FOUND', 'task not found', subjectOf(row), { kind: 'task' });
}

/** The task, when the caller may change it. Throws NOT_FOUND for what it may not even see, FORBIDDEN otherwise. */
export function* changeable(context: WriteContext, id: string): Work<TaskRow> {
  const row = yield* seen(context, id);
  const { scope, owner } = row;
  const identity = yield* context.identity();
  if (yield* context.may(identity, 'write', 'tasks', { scope, owner, path: id })) return row;
  throw new Denial('FORBIDDEN', `${context.agent} may not change this task`, subjectOf(row), {
    task: id,
    level: levelOf(scope),
  });
}

/** The task that the caller holds under this token; throws FENCED once the claim is over. */
export function* held(context: WriteContext, id: string, token: number): Work<TaskRow> {
  const row = yield* changeable(context, id);
  if (isCurrent(row, { agent: context.agent, token, now: context.now })) return row;
  throw fenced(row);
}

/** The text that every entry of a task commits to; verification makes it again from the row. */
export function* contentText(context: ReadContext, row: TaskRow): Work<string> {
  const edges = row.dependencies > 0 ? yield* edgesOf(context.project, row.id, limits.batchItems) : [];
  const said = yield* saidIn(context, row);
  const noted = yield* notedIn(context, row);
  return JSON.stringify([
    [row.title, row.type, row.status, row.priority, row.progress, row.assigned_to, row.capabilities],
    [row.owner, row.author, row.revision, row.created_at, row.updated_at, row.completed_at],
    [row.attempt, row.failures, row.redrives, row.max_attempts, row.backoff_ms, row.time_limit_ms],
    [row.token, row.claimed_by, row.incarnation, row.claimed_at, row.lease_ms, row.ready_at],
    edges.map(({ depends_on, on_failure }) => [depends_on, on_failure]),
    [said.description, said.payload, said.metadata],
    [noted.note, noted.error, yield* resultIn(context, row)],
  ]);
}

/** The entry of a change; answers its number, which the row keeps. */
export function* recordTask(
  context: WriteContext,
  row: TaskRow,
  operation: string,
  before = row.revision,
): Work<number> {
  return yield* context.record(subjectOf(row), {
    operation,
    revision: [before, row.revision],
    content: yield* contentText(context, row),
    facts: { attempt: row.attempt, token: row.token },
  });
}

/** The one way in which a task changes, claims and heartbeats aside: entry, row, and a guard against any other change. */
export function* write(
  context: WriteContext,
  before: TaskRow,
  patch: Partial<TaskRow>,
  operation: string,
): Work<TaskRow> {
  const row: TaskRow = { ...before, ...patch, updated_at: context.now };
  row.seq = yield* recordTask(context, row, operation, before.revision);
  assertOne(yield* replaceTask(context.project, row, before.seq), row);
  return row;
}

/** Guards every transition: a row that was changed by nobody else. */
export function assertOne(changed: number, { id }: Pick<TaskRow, 'id'>): void {
  if (changed !== 1)
    throw new RookeryError('REVISION_CONFLICT', `task ${id} changed meanwhile`, { task: id });
}

/** What makes a task claimable from a time on. */
export function pendingFrom(row: Pick<TaskRow, 'priority'>, readyAt: number, now: number) {
  return {
    status: 'pending' as const,
    ready_at: readyAt,
    place: placeOf(row.priority, readyAt),
    due_at: readyAt > now ? readyAt : null,
    completed_at: null,
  };
}

export function headOf(row: TaskRow, now: number): TaskHead {
  return {
    id: row.id,
    title: row.title,
    type: row.type,
    status: row.status,
    level: levelOf(row.scope),
    scope: row.scope,
    owner: row.owner,
    priority: row.priority,
    assignee: row.assigned_to,
    capabilities: JSON.parse(row.capabilities),
    progress: row.progress,
    attempt: row.attempt,
    failures: row.failures,
    maxAttempts: row.max_attempts,
    redrives: row.redrives,
    backoffMs: row.backoff_ms,
    timeLimitMs: row.time_limit_ms,
    claim: claimIn(row, now),
    readyAt: row.ready_at,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    completedAt: row.completed_at,
    revision: row.revision,
    seq: row.seq,
  };
}

function claimIn(row: TaskRow, now: number): TaskHead['claim'] {
  if (row.status !== 'in_progress' || row.claimed_by === null || row.due_at === null) return null;
  return {
    agent: row.claimed_by,
    incarnation: row.incarnation,
    claimedAt: row.claimed_at!,
    expiresAt: row.due_at,
    expired: row.due_at <= now,
  };
}

export function* dependenciesIn(context: ReadContext, row: TaskRow): Work<Dependency[]> {
  if (row.dependencies === 0) return [];
  const edges = yield* edgesOf(context.project, row.id, limits.batchItems);
  return edges.map(({ depends_on, on_failure, settled }) => ({
    task: depends_on,
    onFailure: on_failure,
    settled: settled === 1,
  }));
}

/** The task with its contents; the read is noted where the audience is closed. */
export function* shown(context: ReadContext, row: TaskRow): Work<Task> {
  const { description, payload, metadata } = yield* saidIn(context, row);
  const { note = null, error = null } = yield* notedIn(context, row);
  const result = yield* resultIn(context, row);
  return {
    ...headOf(row, context.now),
    description,
    payload: payload === null ? null : JSON.parse(payload),
    metadata: JSON.parse(metadata),
    dependsOn: yield* dependenciesIn(context, row),
    result: result === null ? null : JSON.parse(result),
    note,
    error,
  };
}
