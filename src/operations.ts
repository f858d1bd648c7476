import * as access from './domains/access/operations.ts';
import * as token from './domains/access/tokens.ts';
import * as audit from './domains/audit/operations.ts';
import * as conflicts from './domains/conflicts/operations.ts';
import * as coordinators from './domains/fleet/coordinators/operations.ts';
import * as fleet from './domains/fleet/operations.ts';
import * as roles from './domains/fleet/rights/roles.ts';
import * as specialists from './domains/fleet/specialists/operations.ts';
import * as keys from './domains/keys/operations.ts';
import * as live from './domains/live/operations.ts';
import * as locks from './domains/locks/operations.ts';
import * as loop from './domains/loop/operations.ts';
import * as messages from './domains/mail/messages/operations.ts';
import * as mail from './domains/mail/operations.ts';
import * as memory from './domains/memory/operations.ts';
import * as checkpoints from './domains/missions/checkpoints.ts';
import * as missions from './domains/missions/missions.ts';
import * as sorties from './domains/missions/sorties.ts';
import * as signals from './domains/signals/operations.ts';
import * as artifacts from './domains/tasks/artifacts.ts';
import * as tasks from './domains/tasks/operations.ts';
import * as votes from './domains/votes/operations.ts';
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
  artifacts: verbsOf(artifacts),
  audit: verbsOf(audit),
  checkpoints: verbsOf(checkpoints),
  conflicts: verbsOf(conflicts),
  coordinators: verbsOf(coordinators),
  fleet: verbsOf(fleet),
  keys: verbsOf(keys),
  live: verbsOf(live),
  locks: verbsOf(locks),
  loop: verbsOf(loop),
  mail: { ...mailVerbs, delete: mailDelete },
  memory: { ...memoryVerbs, delete: memoryDelete },
  messages: verbsOf(messages),
  missions: verbsOf(missions),
  roles: verbsOf(roles),
  signals: verbsOf(signals),
  sorties: verbsOf(sorties),
  specialists: verbsOf(specialists),
  tasks: verbsOf(tasks),
  token: verbsOf(token),
  votes: verbsOf(votes),
} as const;

export type Operations = typeof operations;

/** The table as a flat list, in order. */
export const operationList: readonly Operation[] = Object.values(operations).flatMap((verbs) =>
  Object.values(verbs as Record<string, Operation>),
);
