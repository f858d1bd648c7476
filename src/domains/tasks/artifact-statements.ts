import { visible } from '../../kernel/access/statements.ts';
import { entryBeside } from '../../kernel/ledger/statements.ts';
import { change, many, one, statement } from '../../kernel/work.ts';

export interface ArtifactRow {
  id: string;
  task_id: string | null;
  type: string;
  name: string;
  s3_path: string | null;
  local_path: string | null;
  url: string | null;
  size_bytes: number | null;
  sha256: string | null;
  level: string;
  scope: string;
  owner: string;
  seq: number;
  created_at: number;
  metadata: string;
  sealed: Uint8Array | null;
}

const names = [
  'id',
  'task_id',
  'type',
  'name',
  's3_path',
  'local_path',
  'url',
  'size_bytes',
  'sha256',
  'level',
  'scope',
  'owner',
  'seq',
  'created_at',
  'metadata',
  'sealed',
] as const;
const columns = names.map((column) => `a.${column}`).join(', ');

const insertArtifactRow = statement(`
  INSERT INTO artifacts (project_id, ${names.join(', ')})
  VALUES ($1, ${names.map((_, i) => `$${i + 2}`).join(', ')}) ON CONFLICT (project_id, id) DO NOTHING`);
/** 0 rows when there is an artifact of this id. */
export const addArtifact = (project: string, row: ArtifactRow) =>
  change(insertArtifactRow, [project, ...names.map((column) => row[column])]);

const selectArtifact = statement(`SELECT ${columns} FROM artifacts a WHERE a.project_id = $1 AND a.id = $2`);
export const artifactById = (project: string, id: string) => one<ArtifactRow>(selectArtifact, [project, id]);

const deleteArtifact = statement('DELETE FROM artifacts WHERE project_id = $1 AND id = $2');
export const dropArtifact = (project: string, id: string) => change(deleteArtifact, [project, id]);

const seen = visible('a', 'artifacts', 'a.id', { agent: 2, act: 3, now: 4 });
const selectVisible = statement(`
  SELECT ${columns} FROM artifacts a
  WHERE a.project_id = $1 AND a.id > $5 AND ($6 = '' OR a.type = $6) AND ${seen} ORDER BY a.id LIMIT $7`);
const selectOfTask = statement(`
  SELECT ${columns} FROM artifacts a
  WHERE a.project_id = $1 AND a.task_id = $8 AND a.id > $5 AND ($6 = '' OR a.type = $6) AND ${seen}
  ORDER BY a.id LIMIT $7`);
/** Artifacts that the agent may see, by id; filtered before they are counted. */
export const artifactsAfter = (
  project: string,
  agent: string,
  now: number,
  filter: { type: string; task: string | undefined },
  page: { after: string; limit: number },
) => {
  const parameters = [project, agent, 'read', now, page.after, filter.type, page.limit];
  return filter.task === undefined
    ? many<ArtifactRow>(selectVisible, parameters)
    : many<ArtifactRow>(selectOfTask, [...parameters, filter.task]);
};

const selectAllOf = statement(`
  SELECT ${columns} FROM artifacts a WHERE a.project_id = $1 AND a.task_id = $2 ORDER BY a.id LIMIT $3`);
export const artifactsOf = (project: string, task: string, limit: number) =>
  many<ArtifactRow>(selectAllOf, [project, task, limit]);

const selectScope = statement(`
  SELECT ${columns} FROM artifacts a WHERE a.project_id = $1 AND a.scope = $2 ORDER BY a.id LIMIT $3`);
export const artifactsIn = (project: string, scope: string, limit: number) =>
  many<ArtifactRow>(selectScope, [project, scope, limit]);

const selectOwned = statement(`
  SELECT ${columns} FROM artifacts a WHERE a.project_id = $1 AND a.owner = $2 ORDER BY a.id LIMIT $3`);
export const ownedArtifacts = (project: string, agent: string, limit: number) =>
  many<ArtifactRow>(selectOwned, [project, agent, limit]);

const selectPage = statement(`
  SELECT ${columns}, ledger.entry FROM artifacts a ${entryBeside('a')}
  WHERE a.project_id = $1 AND a.id > $2 ORDER BY a.id LIMIT $3`);
/** All of them in the order of ids, for verification. */
export const artifactsForChecks = (project: string, after: string, limit: number) =>
  many<ArtifactRow & { entry: string | null }>(selectPage, [project, after, limit]);
