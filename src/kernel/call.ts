import type { z } from 'zod';
import type { Principal } from './access/model.ts';
import type { Fence } from './fence.ts';
import type { Mutation, Operation, Query } from './operation.ts';

/** What may accompany a call beside its input. */
export interface CallOptions {
  /** The same key and input answer once: see `idempotency.ts`. */
  readonly idempotencyKey?: string | undefined;
  /**
   * The lease that protects this change, and its token: checked in the transaction that writes (FENCED once the lease
   * was lost), so a holder that was paused past its time changes nothing.
   */
  readonly fence?: Fence | undefined;
  /** Names the request in the ledger and in logs. */
  readonly requestId?: string | undefined;
  /** Ends a wait early. */
  readonly signal?: AbortSignal | undefined;
}

/** An operation with an answer of this shape. */
export type Answering<O extends z.ZodType> = Query<z.ZodType, O> | Mutation<z.ZodType, O>;

/** One call on its way: what is asked, by whom, with what beside the input. */
export interface Call<Asked extends Operation = Operation> {
  readonly operation: Asked;
  readonly principal: Principal;
  readonly options: CallOptions;
}

export interface Answer<T> {
  readonly output: T;
  /** The answer was recorded earlier, under the same idempotency key. */
  readonly replayed: boolean;
  /** When the passing of time alone could change it, where the output itself does not say. */
  readonly dueInMs?: number | undefined;
  /** Sequence number of the last entry that the call recorded; absent when it recorded none. */
  readonly seq?: number | undefined;
  /** Whether Redis had it in time; absent unless writes are dual. */
  readonly live?: boolean;
}

/** What a context needs to know of the call it serves. */
export function originOf({ operation, principal, options }: Call) {
  return {
    principal,
    operation: operation.name,
    risk: operation.risk ?? ('low' as const),
    request: options.requestId,
  };
}
