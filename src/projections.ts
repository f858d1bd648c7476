import * as fleet from './domains/fleet/projection.ts';
import * as keys from './domains/keys/projection.ts';
import * as loop from './domains/loop/projection.ts';
import * as memory from './domains/memory/projection.ts';
import * as signals from './domains/signals/projection.ts';
import type { Projection } from './kernel/live/projection.ts';

/** How things are shown in Redis, domain by domain. */
export const projections: readonly Projection[] = [
  ...memory.projections,
  ...loop.projections,
  ...keys.projections,
  ...signals.projections,
  ...fleet.projections,
];
