import type { z } from 'zod';
import type { Operation } from '../../kernel/operation.ts';

/** Runs an operation for somebody. */
export type Invoke = <Op extends Operation>(operation: Op, input: unknown) => Promise<z.output<Op['output']>>;
