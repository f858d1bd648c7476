import { notPast, visible } from '../../kernel/access/statements.ts';
import { entryBeside } from '../../kernel/ledger/statements.ts';
import { change, many, one, statement } from '../../kernel/work.ts';
import type { Origin, Severity, Type } from './model.ts';

export interface ConflictRow {
  id: string;
  type: Type;
  kind: string;
  resource: string;
  /** JSON list of agent ids, in order. */
  agents: string;
  found_by: Origin;
  severity: Severity;
  status: 'open' | 'resolved';
  level: string;
  scope: string;
  owner: string;
  seq: number;
  occurrences: number;
  first_seen: number;
  last_seen: number;
  resolved_by: string | null;
  resolved_at: number | null;
  description: string | null;
  resolution: string | null;
  sealed: Uint8Array | null;
}

const names = [
  'id',
  'type',
  'kind',
  'resource',
  'agents',
  'found_by',
  'severity',
  'status',
  'level',
  'scope',
  'owner',
  'seq',
  'occurrences',
  'first_seen',
  'last_seen',
  'resolved_by',
  'resolved_at',
  'description',
  'resolution',
  'sealed',
] as const;
const columns = names.map((column) => `c.${column}`).join(', ');

const insertConflict = statement(`
  INSERT INTO conflicts (project_id, ${names.join(', ')})
  VALUES ($1, ${names.map((_, i) => `$${i + 2}`).join(', ')})`);
const insertAgent = statement(`
  INSERT INTO conflict_agents (project_id, agent_id, conflict_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`);
export function* addConflict(project: string, row: ConflictRow, agents: readonly string[]) {
  yield* change(insertConflict, [project, ...names.map((column) => row[column])]);
  for (const agent of agents) yield* change(insertAgent, [project, agent, row.id]);
}

const selectOpen = statement(`
  SELECT c.id, c.last_seen FROM conflicts c
  WHERE c.project_id = $1 AND c.kind = $2 AND c.resource = $3 AND c.scope = $4 AND c.agents = $5 AND c.found_by = $6
    AND c.status = 'open' AND c.found_by <> 'report'`);
/** The open conflict that the store has noted between these agents over this thing. */
export const openConflict = (
  project: string,
  {
    kind,
    resource,
    scope,
    agents,
    found_by,
  }: Pick<ConflictRow, 'kind' | 'resource' | 'scope' | 'agents' | 'found_by'>,
) =>
  one<Pick<ConflictRow, 'id' | 'last_seen'>>(selectOpen, [project, kind, resource, scope, agents, found_by]);

const updateSeen = statement(`
  UPDATE conflicts SET occurrences = occurrences + 1, last_seen = $3 WHERE project_id = $1 AND id = $2`);
export const seeAgain = (project: string, id: string, now: number) => change(updateSeen, [project, id, now]);

const selectConflict = statement(`SELECT ${columns} FROM conflicts c WHERE c.project_id = $1 AND c.id = $2`);
export const conflictById = (project: string, id: string) => one<ConflictRow>(selectConflict, [project, id]);

const updateResolved = statement(`
  UPDATE conflicts SET status = 'resolved', resolved_by = $3, resolved_at = $4, resolution = $5, sealed = $6, seq = $7
  WHERE project_id = $1 AND id = $2 AND status = 'open'`);
/** 0 rows when it is resolved already. */
export const resolveConflict = (project: string, row: ConflictRow) =>
  change(updateResolved, [
    project,
    row.id,
    row.resolved_by,
    row.resolved_at,
    row.resolution,
    row.sealed,
    row.seq,
  ]);

/** In it, and not shut out as a whole. */
const involved = `EXISTS (SELECT 1 FROM conflict_agents i
    WHERE i.project_id = c.project_id AND i.agent_id = $2 AND i.conflict_id = c.id)
  AND EXISTS (SELECT 1 FROM memberships a
    WHERE a.project_id = c.project_id AND a.agent_id = $2 AND ${notPast('a', '$4')})`;
/** Who is shown its own part only is not told by a filter who else is in it. */
const showsOthers = `(c.found_by = 'report' OR EXISTS (SELECT 1 FROM memberships o
    WHERE o.project_id = c.project_id AND o.agent_id = $2 AND o.scope = c.scope AND ${notPast('o', '$4')}))`;
const selectVisible = statement(`
  SELECT ${columns} FROM conflicts c
  WHERE c.project_id = $1 AND c.id > $5 AND ($6 = '' OR c.status = $6) AND ($7 = '' OR c.type = $7)
    AND ($8 = '' OR (EXISTS (SELECT 1 FROM conflict_agents f
      WHERE f.project_id = c.project_id AND f.agent_id = $8 AND f.conflict_id = c.id) AND ($8 = $2 OR ${showsOthers})))
    AND ((${involved}) OR (${visible('c', 'conflicts', 'c.id', { agent: 2, act: 3, now: 4 })}))
  ORDER BY c.id LIMIT $9`);
/** Conflicts that the agent may know of, by id; filtered before they are counted. */
export const conflictsAfter = (
  project: string,
  agent: string,
  now: number,
  filter: { status: string; type: string; of: string },
  page: { after: string; limit: number },
) =>
  many<ConflictRow>(selectVisible, [
    project,
    agent,
    'read',
    now,
    page.after,
    filter.status,
    filter.type,
    filter.of,
    page.limit,
  ]);

const selectPage = statement(`
  SELECT ${columns}, ledger.entry FROM conflicts c ${entryBeside('c')}
  WHERE c.project_id = $1 AND c.id > $2 ORDER BY c.id LIMIT $3`);
/** All of them in the order of ids, for verification. */
export const conflictsForChecks = (project: string, after: string, limit: number) =>
  many<ConflictRow & { entry: string | null }>(selectPage, [project, after, limit]);

const selectOwned = statement(`
  SELECT ${columns} FROM conflicts c WHERE c.project_id = $1 AND c.owner = $2 ORDER BY c.id LIMIT $3`);
export const ownedConflicts = (project: string, agent: string, limit: number) =>
  many<ConflictRow>(selectOwned, [project, agent, limit]);

const deleteAgents = statement('DELETE FROM conflict_agents WHERE project_id = $1 AND conflict_id = $2');
const deleteConflict = statement('DELETE FROM conflicts WHERE project_id = $1 AND id = $2');
export function* dropConflict(project: string, id: string) {
  yield* change(deleteAgents, [project, id]);
  return yield* change(deleteConflict, [project, id]);
}

const selectScope = statement(
  'SELECT c.id FROM conflicts c WHERE c.project_id = $1 AND c.scope = $2 ORDER BY c.id LIMIT $3',
);
export const conflictsIn = (project: string, scope: string, limit: number) =>
  many<Pick<ConflictRow, 'id'>>(selectScope, [project, scope, limit]);
