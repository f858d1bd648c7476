import type { WriteContext } from '../../kernel/context.ts';
import { encodeValue } from '../../kernel/json.ts';
import type { Work } from '../../kernel/work.ts';
import { claimOf } from './claiming.ts';
import { encodePart, notedIn, storeNoted, storeResult } from './contents.ts';
import { spread } from './graph/spreading.ts';
import { type Claim, fenced, leaseEnd } from './model.ts';
import { announce, held, pendingFrom, write } from './records.ts';
import { type ArtifactInput, insertArtifact } from './references.ts';
import { failAttempt } from './settling.ts';
import { extendLease, type TaskRow } from './statements.ts';

/** What an agent does with a task that it has claimed. All of it needs the token, and is refused once the claim is over. */

export interface Holding {
  readonly task: string;
  readonly token: number;
}

/** Keeps a claim alive; leaves no ledger entry. Never beyond the time limit of the attempt. */
export function* heartbeat(
  context: WriteContext,
  { task, token, leaseMs }: Holding & { leaseMs?: number | undefined },
): Work<Claim> {
  const row = yield* held(context, task, token);
  const dueAt = leaseEnd(context.now, leaseMs ?? row.lease_ms, row);
  const changed = yield* extendLease(context.project, task, token, context.now, dueAt);
  if (changed !== 1) throw fenced(row);
  return claimOf({ ...row, due_at: dueAt });
}

export function* progress(
  context: WriteContext,
  { task, token, percent, note }: Holding & { percent: number; note?: string | undefined },
): Work<TaskRow> {
  const row = yield* held(context, task, token);
  const noted = yield* notedIn(context, row);
  const columns = yield* storeNoted(context, row, { ...noted, ...(note !== undefined && { note }) });
  return yield* write(context, row, { ...columns, progress: percent }, 'tasks.progress');
}

export interface Completion extends Holding {
  readonly result?: unknown;
  readonly artifacts: readonly ArtifactInput[];
}

/** Success: with its artifacts, and with all that it sets free, in one commit. */
export function* complete(
  context: WriteContext,
  { task, token, result, artifacts }: Completion,
): Work<TaskRow> {
  const row = yield* held(context, task, token);
  const encoded = encodePart('result', result) ?? encodeValue('result', null);
  const { note } = yield* notedIn(context, row);
  const ended = yield* write(
    context,
    row,
    {
      ...(yield* storeResult(context, row, encoded)),
      ...(yield* storeNoted(context, row, { note })),
      status: 'completed',
      progress: 100,
      completed_at: context.now,
      due_at: null,
    },
    'tasks.complete',
  );
  for (const artifact of artifacts) yield* insertArtifact(context, artifact, { task, scope: row.scope });
  yield* spread(context, ended);
  return ended;
}

export function* fail(
  context: WriteContext,
  { task, token, error, retryable }: Holding & { error: string; retryable: boolean },
): Work<TaskRow> {
  const row = yield* held(context, task, token);
  return yield* failAttempt(context, row, { outcome: 'failed', at: context.now, error, retryable });
}

/**
 * Gives a task back: the attempt does not count. Without a rest it is claimable at once, and stands where it stood:
 * whoever gives a task back does not send it to the end of the line.
 */
export function* release(
  context: WriteContext,
  { task, token, delayMs }: Holding & { delayMs?: number | undefined },
): Work<TaskRow> {
  const row = yield* held(context, task, token);
  const readyAt = delayMs === undefined ? row.ready_at! : context.now + delayMs;
  const freed = yield* write(context, row, pendingFrom(row, readyAt, context.now), 'tasks.release');
  announce(context, freed);
  return freed;
}
