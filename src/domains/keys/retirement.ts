import type { WriteContext } from '../../kernel/context.ts';
import { invalid, RookeryError } from '../../kernel/errors.ts';
import { inOneSnapshot } from '../../kernel/operation.ts';
import { type KeyRow, keyById } from '../../kernel/vault/statements.ts';
import { step } from '../../kernel/vault/step.ts';
import type { Work } from '../../kernel/work.ts';
import { recordsByKey } from './counting.ts';
import { type Key, keyView } from './model.ts';
import { replaceKey, sealAnew } from './rotation.ts';

export interface Retiring {
  readonly id: string;
  readonly reason: string;
  readonly compromised: boolean;
}

/** Ends the use of a data key; undefined where there is none of that id. */
export function* retireKey(
  context: WriteContext,
  { id, reason, compromised }: Retiring,
): Work<Key | undefined> {
  const row = yield* keyById(context.project, id);
  if (!row) return undefined;
  if (row.purpose !== 'data') throw invalid('id', 'a data key: others are replaced by keys.rotate');
  const done = compromised
    ? row.state === 'compromised' || row.state === 'destroyed'
    : row.retired_at !== null || row.state === 'destroyed';
  if (done) return keyView(row, yield* recordsUnder(context, row));
  return compromised ? yield* condemn(context, row, reason) : yield* retireEmpty(context, row, reason);
}

/** Marked at once, replaced where it was in use, and its records are sealed anew now; it ends when none is left. */
function* condemn(context: WriteContext, row: KeyRow, reason: string): Work<Key> {
  const records = yield* recordsUnder(context, row);
  if (row.state === 'primary') yield* replaceKey(context, row, 'compromised', reason);
  else yield* step(context, row, { to: 'compromised', reason });
  yield* sealAnew(context, reason);
  return keyView((yield* keyById(context.project, row.id))!, records);
}

function* retireEmpty(context: WriteContext, row: KeyRow, reason: string): Work<Key> {
  if (row.state === 'primary' || row.state === 'pending')
    throw new RookeryError('KEY_IN_USE', `the key is ${row.state}: rotate its scope first`, {
      id: row.id,
      scope: row.scope,
      state: row.state,
    });
  const records = yield* recordsUnder(context, row);
  if (records > 0)
    throw new RookeryError('KEY_IN_USE', `${records} records are still sealed under the key`, {
      id: row.id,
      records,
    });
  const to = row.state === 'compromised' ? ('compromised' as const) : ('retired' as const);
  const ended = yield* step(context, row, { to, retired: true, ...(reason !== '' && { reason }) });
  return keyView(ended, 0);
}

/**
 * Counts in the transaction that acts on the answer. Where a rotation has found the key empty, nobody has used it since;
 * elsewhere this looks through every table once.
 */
function* recordsUnder(context: WriteContext, row: KeyRow): Work<number> {
  if (row.emptied_at !== null) return 0;
  return (yield* inOneSnapshot(recordsByKey(context))).get(row.id) ?? 0;
}
