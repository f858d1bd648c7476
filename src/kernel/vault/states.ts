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
