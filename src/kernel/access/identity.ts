import type { Transaction } from '../commit.ts';
import { RookeryError } from '../errors.ts';
import type { Keyring } from '../vault/keyring.ts';
import type { Work } from '../work.ts';
import { distance, type Identity, type Principal, scopes } from './model.ts';
import { addAgent, agentById, groupById, join, leaveAll, putGroup, scopesOf } from './statements.ts';

export const defaultSwarm = 'default';
export const defaultType = 'coder';

/**
 * Who an agent is, cached per policy epoch: any change of a membership, grant or agent state raises the epoch in its
 * own transaction, so a revoked right does not survive in a cache. An agent that is named for the first time comes
 * into being here, in the transaction that needs it.
 */
export class Identities {
  readonly #cache = new Map<string, { epoch: number; identity: Identity }>();
  readonly #keyring: Keyring;

  constructor(keyring: Keyring) {
    this.#keyring = keyring;
  }

  *inTransaction(tx: Transaction, principal: Principal): Work<Identity> {
    const key = `${principal.project}\n${principal.agent}`;
    const cached = this.#cache.get(key);
    if (cached && cached.epoch === tx.policyEpoch) return checkActive(cached.identity);
    let found = yield* scopesOf(tx.project, principal.agent);
    if (found.length === 0 && !(yield* agentById(tx.project, principal.agent))) {
      yield* createAgent(tx, this.#keyring, principal, { swarm: principal.swarm ?? defaultSwarm });
      found = yield* scopesOf(tx.project, principal.agent);
    }
    const identity = { agent: principal.agent, scopes: found };
    if (tx.policyEpoch !== undefined) {
      if (this.#cache.size > 10_000) this.#cache.clear();
      this.#cache.set(key, { epoch: tx.policyEpoch, identity });
    }
    return checkActive(identity);
  }
}

/** For reads, which look fresh each time; undefined for an agent that does not exist yet. */
export function* identityForRead(project: string, agent: string): Work<Identity | undefined> {
  const found = yield* scopesOf(project, agent);
  if (found.length === 0 && !(yield* agentById(project, agent))) return undefined;
  return { agent, scopes: found };
}

function checkActive(identity: Identity): Identity {
  if (identity.scopes.length > 0) return identity;
  throw new RookeryError('FORBIDDEN', `agent ${identity.agent} is not active`, { agent: identity.agent });
}

export interface NewAgent {
  readonly swarm: string;
  readonly team?: string | undefined;
  readonly name?: string | undefined;
  readonly type?: string | undefined;
  readonly capabilities?: readonly string[] | undefined;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
}

/** Inserts the agent, its swarm and team where they are missing, and its memberships; one ledger entry. */
export function* createAgent(
  tx: Transaction,
  keyring: Keyring,
  principal: Principal,
  agent: NewAgent,
): Work<void> {
  const id = principal.agent;
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
  });
  yield* ensureGroup(tx, 'swarms', agent.swarm);
  if (agent.team !== undefined) yield* ensureGroup(tx, 'teams', agent.team);
  yield* setMemberships(tx, id, { swarm: agent.swarm, team: agent.team, active: true });
  tx.touch('fleet');
  tx.record({
    operation: 'fleet.register',
    resource: yield* keyring.pseudonym(tx, 'agent', id),
    level: 'project',
    scope: scopes.project,
    actor: id,
    via: principal.via,
    token: principal.token,
    decision: 'allow',
    risk: 'low',
    revision: [0, 1],
  });
}

export function* ensureGroup(tx: Transaction, table: 'teams' | 'swarms', id: string): Work<void> {
  if (yield* groupById(tx.project, table, id)) return;
  yield* putGroup(tx.project, table, { id, name: id, description: '', metadata: '{}', created_at: tx.now });
}

/** Rewrites an agent's memberships. One that is not active has none, and with that no access at all. */
export function* setMemberships(
  tx: Transaction,
  agent: string,
  {
    swarm,
    team,
    active,
    system = false,
  }: { swarm: string; team?: string | undefined; active: boolean; system?: boolean },
): Work<void> {
  tx.policyChanged();
  yield* leaveAll(tx.project, agent);
  if (!active) return;
  const own = [
    scopes.private(agent),
    team === undefined ? scopes.teamOfOne(agent) : scopes.team(team),
    scopes.swarm(swarm),
    scopes.project,
    ...(system ? [scopes.system] : []),
  ];
  for (const scope of own) yield* join(tx.project, agent, distance(scope), scope);
}
