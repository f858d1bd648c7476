import type { WriteContext } from '../../kernel/context.ts';
import { Denial } from '../../kernel/denial.ts';
import { notFound } from '../../kernel/errors.ts';
import { keysTopic } from '../../kernel/vault/reencryption.ts';
import { beginRotation } from '../../kernel/vault/rotation-statements.ts';
import { type KeyRow, keyById, keysAfter } from '../../kernel/vault/statements.ts';
import type { KeyState } from '../../kernel/vault/states.ts';
import { step } from '../../kernel/vault/step.ts';
import type { Work } from '../../kernel/work.ts';

export interface Rotated {
  readonly scope: string;
  readonly from: string;
  readonly to: string;
}

const pageSize = 500;

/** New primary keys for one scope or for all, and a new key above them; then everything old is to be sealed anew. */
export function* rotateData(
  context: WriteContext,
  scope: string | undefined,
  reason: string,
): Work<Rotated[]> {
  const rotated: Rotated[] = [];
  const rows = yield* primaries(context, scope);
  if (scope !== undefined && rows.length === 0) throw notFound('key');
  if (scope === undefined) yield* replaceProjectKey(context);
  for (const row of rows) rotated.push(yield* replaceKey(context, row, 'decrypt-only', reason));
  if (rotated.length > 0) yield* sealAnew(context, reason);
  return rotated;
}

function* primaries(context: WriteContext, scope: string | undefined): Work<KeyRow[]> {
  const found: KeyRow[] = [];
  for (;;) {
    const filter = { state: 'primary', purpose: 'data', scope } as const;
    const page = yield* keysAfter(context.project, found.at(-1)?.id ?? '', filter, pageSize);
    found.push(...page);
    if (page.length < pageSize) return found;
  }
}

/** Puts a new key in the place of a primary one: from this commit on no process seals under the old one. */
export function* replaceKey(context: WriteContext, old: KeyRow, to: KeyState, reason: string): Work<Rotated> {
  const { tx, keyring, project } = context;
  const id = yield* keyring.draft(tx, old.scope, 'pending');
  yield* step(context, old, { to, reason });
  yield* step(context, (yield* keyById(project, id))!, { to: 'primary' });
  return { scope: old.scope, from: old.id, to: id };
}

/** Has everything under superseded keys sealed anew: by this process at once, else by whichever looks next. */
export function* sealAnew(context: WriteContext, reason: string): Work<void> {
  yield* beginRotation(context.project, reason, context.agent, context.now);
  context.tx.touch(keysTopic);
  context.tx.afterCommit(() => {
    context.keyring.forget(context.project);
    context.vault.wake(context.project);
  });
}

function* replaceProjectKey(context: WriteContext): Work<void> {
  yield* context.keyring.hierarchy.replaceWrapping(context.tx);
  yield* context.record({ kind: 'key', name: 'project', scope: 'project' }, { risk: 'high' });
  context.tx.keysChanged();
}

/** A root key is every project's: whoever replaces it must have the store itself in hand, not a token of one project. */
export function* replaceRoot(context: WriteContext, masterKey: Uint8Array | undefined): Work<void> {
  const subject = { kind: 'key', name: 'root', scope: 'system' };
  if (context.principal.token !== undefined)
    throw new Denial('FORBIDDEN', 'the root key is replaced where the store lies, not with a token', subject);
  const { hierarchy } = context.keyring;
  yield* hierarchy.replaceRoot(context.tx, masterKey, context.ledger.log.publicKey);
  yield* context.record(subject, { risk: 'critical', facts: { root: 1 } });
  context.tx.touch(keysTopic);
}
