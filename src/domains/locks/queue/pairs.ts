import type { ReadContext } from '../../../kernel/context.ts';
import type { Work } from '../../../kernel/work.ts';
import { waitingPairs } from './statements.ts';

export interface Pair {
  readonly waiter: string;
  readonly holder: string;
  readonly path: string;
}

/** Who waits for whom at this moment, over the same path or name. Leases on patterns are left out. */
export function* waitsNow(context: ReadContext, limit: number): Work<Pair[]> {
  return yield* waitingPairs(context.project, context.now, limit);
}
