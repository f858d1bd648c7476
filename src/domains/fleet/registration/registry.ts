import {
  agentSubject,
  assertUsable,
  createAgent,
  defaultSwarm,
  defaultType,
  ensureGroup,
} from '../../../kernel/access/identity.ts';
import { changeMemberships } from '../../../kernel/access/membership.ts';
import { type Identity, scopes } from '../../../kernel/access/model.ts';
import {
  type AgentRow,
  agentById,
  changeAgent,
  type GroupTable,
  groupById,
} from '../../../kernel/access/statements.ts';
import { liveAdminToken } from '../../../kernel/access/token-statements.ts';
import { Denial, type ReadContext, type WriteContext } from '../../../kernel/context.ts';
import type { Change, Risk } from '../../../kernel/ledger/entry.ts';
import type { Work } from '../../../kernel/work.ts';
import type { Cause } from '../lives/handoff-model.ts';
import { endLife } from '../lives/lives.ts';
import { encodeMetadata, type Patch, patched } from '../model.ts';
import { capabilitiesOf } from './types.ts';

/** What every operation on agents shares: who may change whom, and how a change takes effect. */

export function isAdministrator(context: ReadContext): boolean {
  return context.principal.rights.has('admin');
}

/** The caller of a read, refused when it is not active. A caller that is new passes: the executor asks again. */
export function* activeReader(context: ReadContext): Work<Identity> {
  const identity = yield* context.identity();
  return context.callerUnknown
    ? identity
    : assertUsable(identity, { ...context.principal, swarm: undefined });
}

/** An agent changes itself; anybody else needs the right admin. */
export function assertMayChange(context: WriteContext, id: string): void {
  if (id === context.agent || isAdministrator(context)) return;
  throw new Denial('FORBIDDEN', 'changing another agent needs the right "admin"', agentSubject(id), {
    agent: id,
    needs: 'admin',
  });
}

export interface Registration extends Omit<Patch, 'status'> {
  readonly team?: string | undefined;
  readonly restart?: boolean | undefined;
  /** One that was terminated lives again; for administrators. */
  readonly revive?: boolean | undefined;
}

/**
 * A new agent, or an existing one with a sign of life and what is said of it now. The caller has checked that it may
 * speak for the agent; what the agent may join is checked here.
 */
export function* register(context: WriteContext, id: string, registration: Registration): Work<AgentRow> {
  if (id !== context.agent) yield* context.identity();
  const row = yield* agentById(context.project, id);
  if (!row) return yield* create(context, id, registration);
  // Who was only inactive is back with its registration, and who was terminated when it is started anew; a suspension is
  // for `update` to lift. An administrator lets itself in again: there may be no other.
  const wasSilent = row.status === 'inactive';
  if (id === context.agent && !(wasSilent && isAdministrator(context))) yield* context.identity();
  const over = wasSilent || (registration.revive && row.status === 'terminated');
  const status = over && isAdministrator(context) ? 'active' : undefined;
  const after = patched(row, { ...registration, status }, context.now);
  after.last_seen = context.now;
  const { system, restart } = registration;
  return yield* replace(context, { before: row, after, system, restart, operation: 'fleet.register' });
}

function* create(context: WriteContext, id: string, registration: Registration): Work<AgentRow> {
  const { name, type = defaultType, team, metadata, level, system } = registration;
  const capabilities = registration.capabilities ?? capabilitiesOf(type);
  const swarm = registration.swarm ?? context.principal.swarm ?? defaultSwarm;
  if (metadata) encodeMetadata(metadata);
  if (swarm !== defaultSwarm && swarm !== context.principal.swarm)
    yield* assertMayJoin(context, 'swarms', swarm);
  if (team !== undefined) yield* assertMayJoin(context, 'teams', team);
  if (system !== undefined) assertMayGiveSystem(context);
  const agent = { id, swarm, team, name, type, capabilities, metadata, level, system };
  yield* createAgent(context.tx, context.keyring, context.principal, agent);
  return (yield* agentById(context.project, id))!;
}

/** Applies a patch to an agent that exists. */
export function* update(
  context: WriteContext,
  row: AgentRow,
  patch: Patch,
  as: Partial<Pick<Replacement, 'operation' | 'labels' | 'risk' | 'mayJoin'>> = {},
): Work<AgentRow> {
  const after = patched(row, patch, context.now);
  return yield* replace(context, {
    before: row,
    after,
    system: patch.system,
    operation: 'fleet.update',
    ...as,
  });
}

interface Replacement {
  readonly before: AgentRow;
  readonly after: AgentRow;
  readonly system: boolean | undefined;
  readonly restart?: boolean | undefined;
  readonly operation: string;
  readonly labels?: Change['labels'];
  readonly risk?: Risk;
  /** The caller has checked that the agent may join the team. */
  readonly mayJoin?: boolean;
}

/** The one setter of an agent's row: memberships and ledger follow from the difference. */
function* replace(context: WriteContext, replacement: Replacement): Work<AgentRow> {
  const { before, after, system, operation, labels, risk, mayJoin } = replacement;
  if (after.swarm_id !== before.swarm_id) {
    if (after.swarm_id !== defaultSwarm) yield* assertMayJoin(context, 'swarms', after.swarm_id);
    yield* ensureGroup(context.tx, 'swarms', after.swarm_id);
  }
  if (after.team_id !== null && after.team_id !== before.team_id) {
    if (!mayJoin) yield* assertMayJoin(context, 'teams', after.team_id);
    yield* ensureGroup(context.tx, 'teams', after.team_id);
  }
  if (system !== undefined) assertMayGiveSystem(context);
  after.system_member = (yield* staysInSystem(context, { before, after, system })) ? 1 : 0;
  const cause = endOf(replacement);
  if (cause) after.incarnation += 1;
  yield* changeAgent(context.project, after);
  if (places.some((key) => after[key] !== before[key])) yield* changeMemberships(context, after);
  yield* context.record(agentSubject(after.id), {
    operation,
    facts: { active: after.status === 'active' ? 1 : 0, incarnation: after.incarnation },
    labels,
    ...(risk && { risk }),
  });
  if (cause) yield* endLife(context, before, cause);
  context.tx.touch('fleet');
  context.tx.touch(`fleet/${after.id}`);
  return after;
}

/** What ends the life that goes on so far, if anything does. */
function endOf({ before, after, restart }: Replacement): Cause | undefined {
  if (before.status === 'active' && after.status !== 'active') return after.status as Cause;
  return restart ? 'restart' : undefined;
}

/** What decides about memberships. */
const places = ['status', 'team_id', 'swarm_id', 'system_member'] as const;

/** What an agent keeps through a move, and gets back when it becomes active again while it holds an admin token. */
function* staysInSystem(
  context: WriteContext,
  { before, after, system }: Omit<Replacement, 'operation'>,
): Work<boolean> {
  if (after.status !== 'active') return false;
  if (system !== undefined) return system;
  if (before.status === 'active') return before.system_member === 1;
  return (yield* liveAdminToken(context.project, before.id, context.now)) !== undefined;
}

/** What is new anybody may start; what exists has members, whose data a newcomer would read. */
function* assertMayJoin(context: WriteContext, table: GroupTable, id: string): Work<void> {
  if (isAdministrator(context) || !(yield* groupById(context.project, table, id))) return;
  const kind = table === 'teams' ? 'team' : 'swarm';
  throw new Denial(
    'FORBIDDEN',
    `joining the ${kind} ${id}, which exists, needs the right "admin"`,
    { kind, name: id, scope: scopes[kind](id) },
    { [kind]: id, needs: 'admin' },
  );
}

function assertMayGiveSystem(context: WriteContext): void {
  if (isAdministrator(context)) return;
  throw new Denial('FORBIDDEN', "the system audience is an administrator's to give", {
    kind: 'system',
    name: scopes.system,
    scope: scopes.system,
  });
}
