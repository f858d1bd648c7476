import { scopes } from '../../kernel/access/model.ts';
import { agentById } from '../../kernel/access/statements.ts';
import type { WriteContext } from '../../kernel/context.ts';
import { keysTopic } from '../../kernel/vault/reencryption.ts';
import { addErasure, dropPointers, isRelayed } from '../../kernel/vault/rotation-statements.ts';
import type { ErasedSubject } from '../../kernel/vault/sealed.ts';
import { keysOf } from '../../kernel/vault/statements.ts';
import { step } from '../../kernel/vault/step.ts';
import type { Work } from '../../kernel/work.ts';
import { type Receipt, receiptView, remainsOf } from './model.ts';

export interface Erasing {
  readonly agent: string;
  readonly reason: string;
  readonly owned: boolean;
}

/**
 * Destroys an agent's own keys and removes its records, in one commit with the entries that tell of it: either all of it
 * has happened, or nothing. Undefined where neither the agent nor a key of it exists.
 */
export function* eraseAgent(
  context: WriteContext,
  { agent, reason, owned }: Erasing,
): Work<Receipt | undefined> {
  const own = [scopes.private(agent), scopes.teamOfOne(agent)];
  const subject = { agent, scopes: own, owned, relayed: yield* isRelayed(context.project) };
  const known = yield* agentById(context.project, agent);
  const keys = yield* destroyKeys(context, subject, reason);
  if (!known && keys === 0) return undefined;
  const records = yield* removeRecords(context, subject);
  const seq = yield* tell(context, subject, { keys, ...records });
  const row = {
    id: context.newId('erasure'),
    subject: yield* context.keyring.pseudonym(context.tx, 'erasure', agent),
    seq,
    state: 'pending' as const,
    requested_by: context.agent,
    requested_at: context.now,
    finished_at: null,
    keys,
    records: JSON.stringify(records),
    remains: JSON.stringify(remainsOf(subject, context.vault.scrubs)),
  };
  yield* addErasure(context.project, row);
  forgetAfterCommit(context);
  return receiptView(row);
}

function* destroyKeys(context: WriteContext, { scopes: own }: ErasedSubject, reason: string): Work<number> {
  let destroyed = 0;
  for (const scope of own) {
    for (const row of yield* keysOf(context.project, 'data', scope)) {
      if (row.state === 'destroyed') continue;
      yield* step(context, row, { to: 'destroyed', reason });
      destroyed++;
    }
  }
  return destroyed;
}

function* removeRecords(context: WriteContext, subject: ErasedSubject): Work<Record<string, number>> {
  const removed: Record<string, number> = {};
  for (const { noun, erase } of context.vault.erasures) {
    const count = yield* erase(context, subject);
    removed[noun] = (removed[noun] ?? 0) + count;
  }
  if (!subject.relayed) yield* dropPointers(context.project);
  return removed;
}

/** One entry for each audience, which is what verification goes by; the counts stand in the first. Answers the last. */
function* tell(
  context: WriteContext,
  { agent, scopes: own }: ErasedSubject,
  counts: Readonly<Record<string, number>>,
): Work<number> {
  let seq = 0;
  for (const [i, scope] of own.entries()) {
    const facts = { scope: 1, ...(i === 0 && counts) };
    seq = yield* context.record({ kind: 'erasure', name: agent, scope }, { facts, risk: 'critical' });
  }
  return seq;
}

/** Whatever this and other processes remember of the subject is void: keys by their epoch, identities by theirs. */
function forgetAfterCommit({ tx, keyring, vault, project }: WriteContext): void {
  tx.keysChanged();
  tx.policyChanged();
  tx.touch(keysTopic);
  tx.afterCommit(() => {
    keyring.forget(project);
    vault.wake(project);
  });
}
