import { hash } from 'node:crypto';
import { scopes } from './access/model.ts';
import type { WriteContext } from './context.ts';
import { invalid, RookeryError } from './errors.ts';
import { canonicalJson } from './json.ts';
import { limits } from './limits.ts';
import type { Erasure, SealedTable } from './vault/sealed.ts';
import { change, one, statement, type Work } from './work.ts';

/** How long an answer can be replayed. */
export const retentionMs = 24 * 3_600_000;

const selectAnswer = statement(`
  SELECT request_hash, answer FROM idempotency
  WHERE project_id = $1 AND agent_id = $2 AND operation = $3 AND key = $4 AND expires_at > $5`);
const insertAnswer = statement(`
  INSERT INTO idempotency (project_id, agent_id, operation, key, request_hash, answer, expires_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7)
  ON CONFLICT (project_id, agent_id, operation, key)
    DO UPDATE SET request_hash = excluded.request_hash, answer = excluded.answer, expires_at = excluded.expires_at`);
const deleteExpired = statement(`
  DELETE FROM idempotency WHERE (project_id, agent_id, operation, key) IN
    (SELECT project_id, agent_id, operation, key FROM idempotency WHERE project_id = $1 AND expires_at <= $2 LIMIT 8)`);

function bindingOf(agent: string, operation: string, key: string) {
  const record = `${operation}\n${key}`;
  return { table: 'idempotency', record, scope: scopes.private(agent), revision: 0 };
}

export const sealedTables: readonly SealedTable[] = [
  {
    table: 'idempotency',
    column: 'answer',
    key: { agent_id: '', operation: '', key: '' },
    binding: (row) => bindingOf(String(row['agent_id']), String(row['operation']), String(row['key'])),
  },
];

const deleteAnswers = statement('DELETE FROM idempotency WHERE project_id = $1 AND agent_id = $2');

export const erasures: readonly Erasure[] = [
  {
    noun: 'answers',
    erase: ({ project }, { agent }) => change(deleteAnswers, [project, agent]),
  },
];

/**
 * Runs a mutation at most once per key: the record commits with the effect, so neither can exist without the other.
 * The same key with the same request answers what was answered before; with another request it is refused. The
 * recorded answer is sealed for the agent it was given to. An answer that is not final stands for nothing yet.
 */
export function* once<T>(
  context: WriteContext,
  key: string,
  input: unknown,
  { run, isFinal }: { run(): Work<T>; isFinal(value: T): boolean },
): Work<{ value: T; replayed: boolean }> {
  if (key === '' || key.length > limits.idempotencyKeyLength) {
    throw invalid('idempotencyKey', `1 to ${limits.idempotencyKeyLength} characters`);
  }
  const { project, agent, operation, now } = context;
  const requestHash = hash('sha256', canonicalJson(input ?? null), 'base64url');
  const binding = bindingOf(agent, operation, key);
  const known = yield* one<{ request_hash: string; answer: Uint8Array }>(selectAnswer, [
    project,
    agent,
    operation,
    key,
    now,
  ]);
  if (known) {
    if (known.request_hash !== requestHash) {
      throw new RookeryError('IDEMPOTENCY_CONFLICT', 'this idempotency key was used for another request', {
        operation,
      });
    }
    const text = yield* context.open({ value: null, sealed: known.answer }, binding);
    return { value: JSON.parse(text) as T, replayed: true };
  }
  const value = yield* run();
  if (!isFinal(value)) return { value, replayed: false };
  const text = JSON.stringify(value ?? null);
  if (text.length > limits.recordedAnswerBytes) {
    throw new RookeryError(
      'TOO_LARGE',
      'the answer is too large to be recorded for replay: split the request',
    );
  }
  const { sealed } = yield* context.seal(text, true, binding);
  yield* change(insertAnswer, [project, agent, operation, key, requestHash, sealed, now + retentionMs]);
  yield* change(deleteExpired, [project, now]);
  return { value, replayed: false };
}
