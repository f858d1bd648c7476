import type { WriteContext } from '../context.ts';
import type { Subject } from '../denial.ts';
import { RookeryError } from '../errors.ts';
import type { Work } from '../work.ts';
import { changeState, type KeyRow, wipeKey } from './statements.ts';

/**
 * States of a key: `pending` (made, seals nothing yet) → `primary` (seals what is written to its scope; one a scope) →
 * `decrypt-only` (opens what it sealed) → `retired` (no record refers to it; it opens nothing, and only tells what the
 * ledger's commitments were salted with). `compromised` may follow each of these and is kept: such a key opens records
 * until all of them are sealed anew, and from then on, like a retired one, nothing. `destroyed` ends all: what was
 * wrapped is overwritten.
 */
export const keyStates = [
  'pending',
  'primary',
  'decrypt-only',
  'retired',
  'compromised',
  'destroyed',
] as const;
export type KeyState = (typeof keyStates)[number];

const next: Readonly<Record<KeyState, readonly KeyState[]>> = {
  pending: ['primary', 'destroyed'],
  primary: ['decrypt-only', 'compromised', 'destroyed'],
  'decrypt-only': ['retired', 'compromised', 'destroyed'],
  retired: ['compromised', 'destroyed'],
  // To itself: when its last record is gone.
  compromised: ['compromised', 'destroyed'],
  destroyed: [],
};

export function mayFollow(from: KeyState, to: KeyState): boolean {
  return next[from].includes(to);
}

/** The state as the ledger's facts tell it. */
export function stateNumber(state: KeyState): number {
  return keyStates.indexOf(state);
}

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
