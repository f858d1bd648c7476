import { Denial, type Subject } from '../denial.ts';
import { invalid } from '../errors.ts';
import type { Change } from '../ledger/entry.ts';
import { agentId } from '../schema.ts';
import type { Transaction } from '../transaction.ts';
import type { Keyring } from '../vault/keyring.ts';
import type { Work } from '../work.ts';
import {
  distance,
  type Identity,
  identityAt,
  type Level,
  membershipsFrom,
  type Principal,
  preferring,
  type Standing,
  scopes,
} from './model.ts';
import { heldRole, rolesInForce } from './role-statements.ts';
import { addAgent, agentById, groupById, join, leaveAll, membershipsAt, putGroup } from './statements.ts';

export const defaultSwarm = 'default';
export const defaultType = 'coder';

/**
 * Who an agent is, cached per policy epoch and until the first of its memberships ends: any change of a membership,
 * grant or agent state raises the epoch in its own transaction, so a revoked right does not survive in a cache. An agent that is named for the first time comes
 * into being here, in the transaction that needs it.
 */
export class Identities {
  readonly #cache = new Map<string, { epoch: number; identity: Identity; until: number }>();
  readonly #keyring: Keyring;

  constructor(keyring: Keyring) {
    this.#keyring = keyring;
  }

  *inTransaction(tx: Transaction, principal: Principal): Work<Identity> {
    const key = `${principal.project}\n${principal.agent}`;
    const cached = this.#cache.get(key);
    if (cached && cached.epoch === tx.policyEpoch && tx.now < cached.until)
      return assertUsable(cached.identity, principal);
    let identity = yield* identityNow(tx.project, principal.agent, tx.now);
    if (!identity) {
      yield* createAgent(tx, this.#keyring, principal, { swarm: principal.swarm ?? defaultSwarm });
      identity = (yield* identityNow(tx.project, principal.agent, tx.now))!;
    }
    if (tx.policyEpoch !== undefined) {
      if (this.#cache.size > 10_000) this.#cache.clear();
      const until = Math.min(...(identity.ends?.values() ?? []));
      this.#cache.set(key, { epoch: tx.policyEpoch, identity, until });
    }
    return assertUsable(identity, principal);
  }
}

/** Looks fresh each time, as reads do; undefined for an agent that does not exist yet. */
export function* identityNow(project: string, agent: string, now: number): Work<Identity | undefined> {
  const found = yield* membershipsAt(project, agent, now);
  if (found.length === 0 && !(yield* agentById(project, agent))) return undefined;
  return identityAt(agent, found, now);
}

/** An agent as the ledger names it. */
export function agentSubject(id: string): Subject {
  return { kind: 'agent', name: id, scope: scopes.project };
}

/**
 * Why an identity may do nothing for this principal; undefined when it may. A view that was opened for a swarm the
 * agent is not in must not fall back to another swarm: what it writes would reach the wrong audience.
 */
export function unusable(identity: Identity, { agent, swarm }: Principal): string | undefined {
  if (identity.scopes.length === 0) return `agent ${agent} is not active`;
  if (swarm !== undefined && !identity.scopes.includes(scopes.swarm(swarm)))
    return `agent ${agent} is not a member of swarm ${swarm}`;
  return undefined;
}

export function assertUsable(identity: Identity, principal: Principal): Identity {
  const reason = unusable(identity, principal);
  if (reason === undefined) return preferring(identity, principal.swarm);
  throw new Denial('FORBIDDEN', reason, agentSubject(principal.agent), { agent: principal.agent });
}

export interface NewAgent {
  /** Absent: the principal's own agent. */
  readonly id?: string | undefined;
  readonly swarm: string;
  readonly team?: string | undefined;
  readonly name?: string | undefined;
  readonly type?: string | undefined;
  readonly capabilities?: readonly string[] | undefined;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
  readonly level?: Level | undefined;
  /** A member of the system audience. Given also to an administrator who comes into being as itself. */
  readonly system?: boolean | undefined;
}

/** Inserts the agent, its swarm and team where they are missing, and its memberships; one ledger entry. */
export function* createAgent(
  tx: Transaction,
  keyring: Keyring,
  principal: Principal,
  agent: NewAgent,
): Work<void> {
  const id = agent.id ?? principal.agent;
  if (!agentId.safeParse(id).success) throw invalid('agent', 'an agent id: 1 to 256 printable characters');
  const system = agent.system ?? isAdministrator(principal, id);
  yield* addAgent(tx.project, {
    id,
    name: agent.name ?? id,
    type: agent.type ?? defaultType,
    status: 'active',
    team_id: agent.team ?? null,
    swarm_id: agent.swarm,
    capabilities: JSON.stringify(agent.capabilities ?? []),
    metadata: JSON.stringify(agent.metadata ?? {}),
    created_at: tx.now,
    system_member: system ? 1 : 0,
    level: agent.level ?? null,
  });
  yield* ensureGroup(tx, 'swarms', agent.swarm);
  if (agent.team !== undefined) yield* ensureGroup(tx, 'teams', agent.team);
  yield* setMemberships(tx, id, { swarm: agent.swarm, team: agent.team, active: true, system });
  tx.touch('fleet');
  tx.touch(`fleet/${id}`);
  const change: Change = {
    operation: 'fleet.register',
    resource: yield* keyring.pseudonym(tx, 'agent', id),
    level: 'project',
    scope: scopes.project,
    actor: principal.agent,
    via: principal.via,
    token: principal.token,
    decision: 'allow',
    risk: 'low',
    revision: [0, 1],
    facts: { system: system ? 1 : 0 },
  };
  tx.record(change, agentSubject(id));
}

/** Whether the agent is the holder of an admin right itself, not somebody that such a holder acts for. */
function isAdministrator(principal: Principal, id: string): boolean {
  return id === principal.agent && principal.via === undefined && principal.rights.has('admin');
}

export function* ensureGroup(tx: Transaction, table: 'teams' | 'swarms', id: string): Work<void> {
  if (yield* groupById(tx.project, table, id)) return;
  const described = { name: id, description: '', metadata: '{}' };
  yield* putGroup(tx.project, table, { id, ...described, created_at: tx.now, updated_at: tx.now });
}

/**
 * Rewrites an agent's memberships from where its row places it and from its roles in force: so a move or a suspension
 * neither loses what a role brings nor brings back what has ended. Outside the birth of an agent use
 * `changeMemberships`, which also ends the grants that rested on what was lost.
 */
export function* setMemberships(tx: Transaction, agent: string, standing: Standing): Work<void> {
  tx.policyChanged();
  yield* leaveAll(tx.project, agent);
  const roles = yield* rolesInForce(tx.project, agent, tx.now);
  const home = scopes.swarm(standing.swarm);
  for (const membership of membershipsFrom(agent, standing, roles.map(heldRole))) {
    const joined = membership.scope.startsWith('swarm:') && membership.scope !== home;
    yield* join(tx.project, agent, distance(membership.scope, { joined }), membership);
  }
}
