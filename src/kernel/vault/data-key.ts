import type { KeyObject } from 'node:crypto';
import type { NestedKey } from './primitives.ts';

/**
 * One data key, the key of one scope. From it three keys are derived, so that no key serves two purposes: one encrypts,
 * one commits (GCM itself does not tell under which key a ciphertext was made), one salts the ledger's commitments.
 */
export interface DataKey {
  readonly id: Uint8Array;
  readonly encryption: KeyObject;
  readonly salt: NestedKey;
  /** Encryptions left of the block that was reserved on disk. */
  left: number;
}
