import * as access from './domains/access/operations.ts';
import * as token from './domains/access/tokens.ts';
import * as audit from './domains/audit/operations.ts';
import * as fleet from './domains/fleet/operations.ts';
import * as specialists from './domains/fleet/specialists.ts';
import * as locks from './domains/locks/operations.ts';
import * as mail from './domains/mail/operations.ts';
import * as memory from './domains/memory/operations.ts';
import type { Operation } from './kernel/operation.ts';

// What other domains use of leases, inside transactions of their own, is no operation.
const { assertFence: _, endLeasesOf: __, ...lockVerbs } = locks;
const { remove: mailDelete, ...mailRest } = mail;
const { remove: memoryDelete, ...memoryRest } = memory;

/** Every operation there is, by noun and verb. Doors, docs and views are derived from this table. */
export const operations = {
  access,
  audit,
  fleet,
  locks: lockVerbs,
  mail: { ...mailRest, delete: mailDelete },
  memory: { ...memoryRest, delete: memoryDelete },
  specialists,
  token,
} as const;

export type Operations = typeof operations;

/** The table as a flat list, in order. */
export const operationList: readonly Operation[] = Object.values(operations).flatMap((verbs) =>
  Object.values(verbs as Record<string, Operation>),
);
