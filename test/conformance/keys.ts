import type { Harness } from '../engines/index.ts';
import { erasureCases } from './keys/erasure.ts';
import { retirementCases } from './keys/retirement.ts';
import { rootCases } from './keys/root.ts';
import { rotationCases } from './keys/rotation.ts';
import { sealedTableCases } from './keys/sealed.ts';

/** Keys: their states, rotation, retirement and erasure. */
export function keysSuite(harness: Harness): void {
  sealedTableCases(harness);
  rotationCases(harness);
  retirementCases(harness);
  rootCases(harness);
  erasureCases(harness);
}
