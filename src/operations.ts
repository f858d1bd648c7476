import * as mail from './domains/mail/operations.ts';
import * as memory from './domains/memory/operations.ts';
import type { Operation } from './kernel/operation.ts';

const { remove: mailDelete, ...mailRest } = mail;
const { remove: memoryDelete, ...memoryRest } = memory;

/** Every operation there is, by noun and verb. Doors, docs and views are derived from this table. */
export const operations = {
  mail: { ...mailRest, delete: mailDelete },
  memory: { ...memoryRest, delete: memoryDelete },
} as const;

export type Operations = typeof operations;

/** The table as a flat list, in order. */
export const operationList: readonly Operation[] = Object.values(operations).flatMap((verbs) =>
  Object.values(verbs as Record<string, Operation>),
);
