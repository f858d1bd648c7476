import * as access from './domains/access/operations.ts';
import * as token from './domains/access/tokens.ts';
import * as audit from './domains/audit/operations.ts';
import * as fleet from './domains/fleet/operations.ts';
import * as specialists from './domains/fleet/specialists.ts';
import * as locks from './domains/locks/operations.ts';
import * as mail from './domains/mail/operations.ts';
import * as memory from './domains/memory/operations.ts';
import type { Operation } from './kernel/operation.ts';

/** The operations among what a module exports: other domains use some of the rest inside transactions of their own. */
type Verbs<Module> = {
  readonly [Name in keyof Module as Module[Name] extends Operation ? Name : never]: Module[Name];
};

function verbsOf<Module extends object>(module: Module): Verbs<Module> {
  const verbs = Object.entries(module).filter(([, member]) => typeof member === 'object' && 'kind' in member);
  return Object.fromEntries(verbs) as Verbs<Module>;
}

const { remove: mailDelete, ...mailVerbs } = verbsOf(mail);
const { remove: memoryDelete, ...memoryVerbs } = verbsOf(memory);

/** Every operation there is, by noun and verb. Doors, docs and views are derived from this table. */
export const operations = {
  access: verbsOf(access),
  audit: verbsOf(audit),
  fleet: verbsOf(fleet),
  locks: verbsOf(locks),
  mail: { ...mailVerbs, delete: mailDelete },
  memory: { ...memoryVerbs, delete: memoryDelete },
  specialists: verbsOf(specialists),
  token: verbsOf(token),
} as const;

export type Operations = typeof operations;

/** The table as a flat list, in order. */
export const operationList: readonly Operation[] = Object.values(operations).flatMap((verbs) =>
  Object.values(verbs as Record<string, Operation>),
);
