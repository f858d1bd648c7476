import { levelOf, sealedByDefault } from '../../kernel/access/model.ts';
import type { ReadContext, Stored, WriteContext } from '../../kernel/context.ts';
import { RookeryError } from '../../kernel/errors.ts';
import { encodeValue } from '../../kernel/json.ts';
import { limits } from '../../kernel/limits.ts';
import type { Work } from '../../kernel/work.ts';
import type { AttemptRow, TaskRow } from './statements.ts';

/**
 * The contents of a task: what it says, what came of it, and what was noted last. At the levels that are closed they lie
 * in sealed columns, else in clear ones, under the seeds' names.
 */

/** What a task says. `payload` is JSON text; `metadata` too. */
export interface Said {
  readonly description: string | null;
  readonly payload: string | null;
  readonly metadata: string;
}

/** The newest progress note, and why the newest attempt failed or the task ended. */
export interface Noted {
  readonly note?: string | undefined;
  readonly error?: string | undefined;
}

type SaidColumns = Pick<TaskRow, 'description' | 'payload' | 'metadata' | 'sealed'>;
type NotedColumns = Pick<TaskRow, 'note' | 'note_sealed'>;
type ResultColumns = Pick<TaskRow, 'result' | 'result_sealed'>;
type Owned = Pick<TaskRow, 'id' | 'scope'>;

export type Part = 'task' | 'result' | 'note';

export const bindingOf = ({ id, scope }: Owned, part: Part, revision = 0) => ({
  table: 'tasks',
  record: `${part}\n${id}`,
  scope,
  revision,
});

/** JSON text of a value a caller gave; null for none. */
export function encodePart(field: string, value: unknown): string | null {
  return value === undefined ? null : encodeValue(field, value);
}

export function encodeMetadata(value: Record<string, unknown>): string {
  const text = encodeValue('metadata', value);
  if (Buffer.byteLength(text) <= limits.metadataBytes) return text;
  throw new RookeryError('TOO_LARGE', `metadata: at most ${limits.metadataBytes} bytes of JSON`, {
    field: 'metadata',
    limitBytes: limits.metadataBytes,
  });
}

export function isSealed(scope: string): boolean {
  return sealedByDefault(levelOf(scope));
}

export function* storeSaid(
  context: WriteContext,
  task: Owned & { revision: number },
  said: Said,
  encrypt?: boolean,
): Work<SaidColumns> {
  if (!isSealed(task.scope) && encrypt !== true) return { ...said, sealed: null };
  const binding = bindingOf(task, 'task', task.revision);
  const { sealed } = yield* context.seal(JSON.stringify(said), true, binding);
  return { description: null, payload: null, metadata: '{}', sealed };
}

export function* saidIn(context: ReadContext, row: TaskRow): Work<Said> {
  if (row.sealed === null) {
    const { description, payload, metadata } = row;
    return { description, payload, metadata };
  }
  const binding = bindingOf(row, 'task', row.revision);
  return JSON.parse(yield* context.open({ value: null, sealed: row.sealed }, binding)) as Said;
}

export function* storeNoted(context: WriteContext, task: Owned, noted: Noted): Work<NotedColumns> {
  const { value, sealed } = yield* store(context, task, 'note', JSON.stringify(noted));
  return { note: value, note_sealed: sealed };
}

export function* notedIn(context: ReadContext, row: TaskRow): Work<Noted> {
  if (row.note === null && row.note_sealed === null) return {};
  const binding = bindingOf(row, 'note');
  return JSON.parse(yield* context.open({ value: row.note, sealed: row.note_sealed }, binding)) as Noted;
}

/** `result` is JSON text. */
export function* storeResult(context: WriteContext, task: Owned, result: string): Work<ResultColumns> {
  const { value, sealed } = yield* store(context, task, 'result', result);
  return { result: value, result_sealed: sealed };
}

/** JSON text; null while there is none. */
export function* resultIn(context: ReadContext, row: TaskRow): Work<string | null> {
  if (row.result === null && row.result_sealed === null) return null;
  const stored = { value: row.result, sealed: row.result_sealed };
  return yield* context.open(stored, bindingOf(row, 'result'));
}

function* store(context: WriteContext, task: Owned, part: 'result' | 'note', text: string): Work<Stored> {
  if (!isSealed(task.scope)) return { value: text, sealed: null };
  return yield* context.seal(text, true, bindingOf(task, part));
}

export const attemptBinding = ({
  task_id,
  attempt,
  scope,
}: Pick<AttemptRow, 'task_id' | 'attempt' | 'scope'>) => ({
  table: 'task_attempts',
  record: task_id,
  scope,
  revision: attempt,
});

export function* storeError(
  context: WriteContext,
  attempt: Pick<AttemptRow, 'task_id' | 'attempt' | 'scope'>,
  error: string,
): Work<Pick<AttemptRow, 'error' | 'sealed'>> {
  if (!isSealed(attempt.scope)) return { error, sealed: null };
  const { sealed } = yield* context.seal(JSON.stringify(error), true, attemptBinding(attempt));
  return { error: null, sealed };
}

export function* errorIn(context: ReadContext, row: AttemptRow): Work<string> {
  if (row.sealed === null) return row.error ?? '';
  const stored = { value: null, sealed: row.sealed };
  return JSON.parse(yield* context.open(stored, attemptBinding(row))) as string;
}
