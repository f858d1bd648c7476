import type { Harness } from '../engines/index.ts';
import { sealedTableCases } from './keys/sealed.ts';

/** Keys: their states, rotation, retirement and erasure. */
export function keysSuite(harness: Harness): void {
  sealedTableCases(harness);
}
