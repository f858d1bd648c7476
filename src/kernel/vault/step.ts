import type { WriteContext } from '../context.ts';
import type { Subject } from '../denial.ts';
import { RookeryError } from '../errors.ts';
import type { Work } from '../work.ts';
import { changeState, type KeyRow, wipeKey } from './statements.ts';
import { type KeyState, mayFollow, stateNumber } from './states.ts';

/** A key as the ledger names it. */
export function keySubject({ id, purpose, scope }: Pick<KeyRow, 'id' | 'purpose' | 'scope'>): Subject {
  return { kind: 'key', name: id, scope: purpose === 'data' ? scope : 'project' };
}

export interface Step {
  readonly to: KeyState;
  /** It opens nothing any more. */
  readonly retired?: boolean;
  readonly reason?: string;
  readonly operation?: string;
}

/**
 * Takes a key to its next state, with an entry of its own in the ledger; answers the row as it is then. Whatever
 * processes remember of the project's keys is void with the commit.
 */
export function* step(context: WriteContext, row: KeyRow, { to, ...more }: Step): Work<KeyRow> {
  if (!mayFollow(row.state, to)) throw new Error(`a key that is ${row.state} does not become ${to}`);
  const retired = more.retired || to === 'retired' ? context.now : row.retired_at;
  const seq = yield* context.record(keySubject(row), {
    revision: [row.revision, row.revision + 1],
    facts: { state: stateNumber(to), ...(retired !== null && { retired: 1 }) },
    ...(more.operation && { operation: more.operation }),
    risk: 'high',
  });
  const changed = {
    ...{ state: to, revision: row.revision + 1, seq, changed_at: context.now, retired_at: retired },
    reason: more.reason ?? row.reason,
  };
  if ((yield* changeState(context.project, row, changed)) !== 1)
    throw new RookeryError('REVISION_CONFLICT', 'the key changed meanwhile', { id: row.id });
  if (to === 'destroyed') yield* wipeKey(context.project, row.id);
  context.tx.keysChanged();
  return { ...row, ...changed };
}
