import { notPast, visible } from '../../kernel/access/statements.ts';
import { entryBeside } from '../../kernel/ledger/statements.ts';
import { change, many, one, type Parameter, statement, type Work } from '../../kernel/work.ts';
import type { Type } from './model.ts';

export interface ItemRow {
  namespace: string;
  key: string;
  scope: string;
  owner: string;
  author: string;
  revision: number;
  seq: number;
  created_at: number;
  updated_at: number;
  expires_at: number | null;
  deleted: number;
  type: Type;
  value: string | null;
  sealed: Uint8Array | null;
}

/** An item without its value. */
export type KeyRow = Omit<ItemRow, 'value' | 'sealed'>;

const columns = `m.namespace, m.key, m.scope, m.owner, m.author, m.revision, m.seq, m.created_at, m.updated_at,
  m.expires_at, m.deleted, m.type, m.value, m.sealed`;

/** Live: neither deleted nor past its time, by the caller's clock and by the store's. */
const live = (now: string) => `m.deleted = 0 AND (m.expires_at IS NULL OR (m.expires_at > ${now}
    AND m.expires_at > (SELECT h.clock_ms FROM ledger_heads h WHERE h.project_id = m.project_id)))`;

// The join runs from the agent's few scopes, nearest first, and ends at the first hit.
const selectNearest = statement(`
  SELECT ${columns} FROM memberships s CROSS JOIN memory m
  WHERE s.project_id = $1 AND s.agent_id = $2 AND ${notPast('s', '$5')}
    AND m.project_id = $1 AND m.namespace = $3 AND m.key = $4 AND m.scope = s.scope AND ${live('$5')}
  ORDER BY s.distance, s.scope LIMIT 1`);
/** The nearest item under a key that the agent's own audiences hold. */
export const nearestItem = (project: string, agent: string, namespace: string, key: string, now: number) =>
  one<ItemRow>(selectNearest, [project, agent, namespace, key, now]);

const selectOwned = statement(`
  SELECT ${columns} FROM memory m
  WHERE m.project_id = $1 AND m.namespace = $3 AND m.key = $4 AND m.owner = $2 AND ${live('$5')}
    AND EXISTS (SELECT 1 FROM memberships a
      WHERE a.project_id = $1 AND a.agent_id = $2 AND ${notPast('a', '$5')})
  ORDER BY m.updated_at DESC LIMIT 1`);
/** An item the agent wrote for an audience that it has left since: the owner always reads its own. */
export const ownedItem = (project: string, agent: string, namespace: string, key: string, now: number) =>
  one<ItemRow>(selectOwned, [project, agent, namespace, key, now]);

const selectItem = statement(`
  SELECT ${columns} FROM memory m
  WHERE m.project_id = $1 AND m.namespace = $2 AND m.key = $3 AND m.scope = $4`);
/** The row in exactly this scope, live or not. */
export const itemIn = (project: string, namespace: string, key: string, scope: string) =>
  one<ItemRow>(selectItem, [project, namespace, key, scope]);

const selectLive = statement(`
  SELECT ${columns} FROM memory m
  WHERE m.project_id = $1 AND m.namespace = $2 AND m.key = $3 AND m.scope = $4 AND ${live('$5')}`);
/** The live item in exactly this scope. */
export const liveItem = (project: string, namespace: string, key: string, scope: string, now: number) =>
  one<ItemRow>(selectLive, [project, namespace, key, scope, now]);

const insertItem = statement(`
  INSERT INTO memory (project_id, namespace, key, scope, level, owner, author, revision, seq, created_at, updated_at,
    expires_at, deleted, value, sealed, type)
  VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8, $9, $9, $10, 0, $11, $12, $13)`);
export const addItem = (project: string, item: NewItem) =>
  change(insertItem, [
    project,
    item.namespace,
    item.key,
    item.scope,
    item.level,
    item.author,
    item.revision,
    item.seq,
    item.now,
    item.expiresAt,
    item.value,
    item.sealed,
    item.type,
  ]);

export interface NewItem {
  namespace: string;
  key: string;
  scope: string;
  level: string;
  author: string;
  revision: number;
  seq: number;
  now: number;
  expiresAt: number | null;
  type: Type;
  value: string | null;
  sealed: Uint8Array | null;
}

const insertHistory = statement(`
  INSERT INTO memory_history (project_id, namespace, key, scope, owner, author, revision, seq, updated_at, expires_at,
    deleted, value, sealed)
  SELECT project_id, namespace, key, scope, owner, author, revision, seq, updated_at, expires_at, deleted, value, sealed
  FROM memory WHERE project_id = $1 AND namespace = $2 AND key = $3 AND scope = $4`);
/** Keeps the row that is about to be superseded. */
export const keepRevision = (project: string, namespace: string, key: string, scope: string) =>
  change(insertHistory, [project, namespace, key, scope]);

const deleteHistory = statement(`
  DELETE FROM memory_history
  WHERE project_id = $1 AND namespace = $2 AND key = $3 AND scope = $4 AND revision <= $5`);
export const dropRevisions = (project: string, namespace: string, key: string, scope: string, upTo: number) =>
  change(deleteHistory, [project, namespace, key, scope, upTo]);

// A live item keeps its owner; a key that comes back after deletion belongs to who brings it back.
const updateItem = statement(`
  UPDATE memory SET owner = $5, author = $6, revision = $7, seq = $8, updated_at = $9, expires_at = $10, deleted = $11,
    value = $12, sealed = $13, created_at = $14, type = $15
  WHERE project_id = $1 AND namespace = $2 AND key = $3 AND scope = $4 AND revision = $7 - 1`);
export const replaceItem = (
  project: string,
  item: NewItem & { owner: string; deleted: number; createdAt: number },
) =>
  change(updateItem, [
    project,
    item.namespace,
    item.key,
    item.scope,
    item.owner,
    item.author,
    item.revision,
    item.seq,
    item.now,
    item.expiresAt,
    item.deleted,
    item.value,
    item.sealed,
    item.createdAt,
    item.type,
  ]);

const selectRevisions = statement(`
  SELECT m.namespace, m.key, m.scope, m.owner, m.author, m.revision, m.seq, m.updated_at AS created_at, m.updated_at,
    m.expires_at, m.deleted, 'data' AS type, m.value, m.sealed
  FROM memory_history m
  WHERE m.project_id = $1 AND m.namespace = $2 AND m.key = $3 AND m.scope = $4 AND m.revision < $5 AND m.seq <= $6
    AND ($7 = '' OR m.owner = $7)
  ORDER BY m.revision DESC LIMIT $8`);
export interface RevisionRange {
  /** Revisions smaller than this one. */
  readonly below: number;
  /** As of this ledger position. */
  readonly asOf: number;
  /** Only those of this owner; empty for all. */
  readonly owner: string;
  readonly limit: number;
}
/** Superseded revisions, newest first. */
export const revisionsIn = (
  project: string,
  { namespace, key, scope }: Pick<ItemRow, 'namespace' | 'key' | 'scope'>,
  { below, asOf, owner, limit }: RevisionRange,
) => many<ItemRow>(selectRevisions, [project, namespace, key, scope, below, asOf, owner, limit]);

const visibleItem = visible('m', 'memory', "(m.namespace || '/' || m.key)", { agent: 2, act: 9, now: 5 });
const selectKeys = statement(`
  SELECT ${columns.replace(', m.value, m.sealed', '')} FROM memory m
  WHERE m.project_id = $1 AND m.namespace = $3 AND m.key >= $4 AND (m.key, m.scope) > ($6, $11) AND m.key <= $7
    AND ($8 = '' OR m.scope = $8) AND ${live('$5')} AND ${visibleItem}
  ORDER BY m.key, m.scope LIMIT $10`);
/** Heads of items in a range of keys, each that the agent may read; filtered before they are counted. */
export const itemsBetween = (
  project: string,
  agent: string,
  namespace: string,
  range: { from: string; after: Pick<ItemRow, 'key' | 'scope'>; to: string },
  scope: string,
  now: number,
  limit: number,
) =>
  many<KeyRow>(selectKeys, [
    project,
    agent,
    namespace,
    range.from,
    now,
    range.after.key,
    range.to,
    scope,
    'read',
    limit,
    range.after.scope,
  ]);

const updateAccesses = statement(`
  UPDATE memory SET access_count = access_count + $5
  WHERE project_id = $1 AND namespace = $2 AND key = $3 AND scope = $4`);
export const addAccesses = (
  project: string,
  { namespace, key, scope }: Pick<ItemRow, 'namespace' | 'key' | 'scope'>,
  count: number,
) => change(updateAccesses, [project, namespace, key, scope, count]);

const selectScopeKeys = statement(`
  SELECT ${columns} FROM memory m
  WHERE m.project_id = $1 AND m.namespace = $2 AND m.scope = $3 AND ${live('$4')} ORDER BY m.key LIMIT $5`);
export const liveItemsIn = (project: string, namespace: string, scope: string, now: number, limit: number) =>
  many<ItemRow>(selectScopeKeys, [project, namespace, scope, now, limit]);

const selectAnywhere = statement(`
  SELECT ${columns} FROM memory m
  WHERE m.project_id = $1 AND ($2 = '' OR m.namespace = $2) AND ${live('$3')}
  ORDER BY m.namespace, m.key, m.scope LIMIT $4`);
/** Live items of a namespace, or of all, whatever their audience. */
export const liveItemsAnywhere = (project: string, namespace: string, now: number, limit: number) =>
  many<ItemRow>(selectAnywhere, [project, namespace, now, limit]);

export interface MeasuredRow {
  namespace: string;
  key: string;
  scope: string;
  /** 1 for what is counted: live, and open to the caller. */
  counted: number;
  bytes: number;
  expires: number;
  /** The fourth and fifth byte of an envelope: how it is encrypted and compressed. */
  envelope: Uint8Array | null;
  access_count: number;
}

const measured = (counted: string) => `
  SELECT m.namespace, m.key, m.scope, CASE WHEN ${live('$5')} AND ${counted} THEN 1 ELSE 0 END AS counted,
    COALESCE(octet_length(m.value), 0) + COALESCE(octet_length(m.sealed), 0) AS bytes,
    CASE WHEN m.expires_at IS NULL THEN 0 ELSE 1 END AS expires, substr(m.sealed, 4, 2) AS envelope, m.access_count
  FROM memory m
  WHERE m.project_id = $1 AND ($6 = '' OR m.namespace = $6) AND (m.namespace, m.key, m.scope) > ($3, $4, $7)
  ORDER BY m.namespace, m.key, m.scope LIMIT $8`;
const selectMeasuredAll = statement(measured("$2 <> '' AND $9 = 'read'"));
const selectMeasuredVisible = statement(
  measured(visible('m', 'memory', "(m.namespace || '/' || m.key)", { agent: 2, act: 9, now: 5 })),
);
/** A stretch of all rows in key order, each with whether it counts for the caller. */
export const measuredAfter = (
  asked: { project: string; agent: string; now: number; namespace: string; everything: boolean },
  after: Pick<ItemRow, 'namespace' | 'key' | 'scope'>,
  limit: number,
) =>
  many<MeasuredRow>(asked.everything ? selectMeasuredAll : selectMeasuredVisible, [
    asked.project,
    asked.agent,
    after.namespace,
    after.key,
    asked.now,
    asked.namespace,
    after.scope,
    limit,
    'read',
  ]);

const selectExpired = statement(`
  SELECT ${columns} FROM memory m
  WHERE m.project_id = $1 AND m.expires_at <= $2 AND m.deleted = 0 ORDER BY m.expires_at LIMIT $3`);
export const expiredItems = (project: string, now: number, limit: number) =>
  many<ItemRow>(selectExpired, [project, now, limit]);

/** A superseded revision stores neither a level, which is that of its scope, nor a type. */
export type CheckedRow = Omit<ItemRow, 'type'> & { level?: string; type?: Type; entry: string | null };

const selectCurrentPage = statement(`
  SELECT ${columns}, m.level, ledger.entry, (
    SELECT count(*) FROM memory_history h
    WHERE h.project_id = m.project_id AND h.namespace = m.namespace AND h.key = m.key AND h.scope = m.scope) AS kept
  FROM memory m ${entryBeside('m')}
  WHERE m.project_id = $1 AND (m.namespace, m.key, m.scope) > ($2, $3, $4)
  ORDER BY m.namespace, m.key, m.scope LIMIT $5`);
/** All rows in key order, for verification, with the number of superseded revisions that are kept. */
export const itemsAfter = (project: string, after: readonly Parameter[], limit: number) =>
  many<CheckedRow & { kept: number }>(selectCurrentPage, [project, ...after.slice(0, 3), limit]);

const selectHistoryPage = statement(`
  SELECT m.namespace, m.key, m.scope, m.owner, m.author, m.revision, m.seq, m.updated_at AS created_at, m.updated_at,
    m.expires_at, m.deleted, m.value, m.sealed, ledger.entry
  FROM memory_history m ${entryBeside('m')}
  WHERE m.project_id = $1 AND (m.namespace, m.key, m.scope, m.revision) > ($2, $3, $4, $5)
  ORDER BY m.namespace, m.key, m.scope, m.revision LIMIT $6`);
export const historyAfter = (project: string, after: readonly Parameter[], limit: number) =>
  many<CheckedRow>(selectHistoryPage, [project, ...after, limit]);

const deleteItemsIn = statement('DELETE FROM memory WHERE project_id = $1 AND scope = $2');
const deleteHistoryIn = statement('DELETE FROM memory_history WHERE project_id = $1 AND scope = $2');
/** Erases all of one audience, superseded revisions included; answers how many rows. */
export function* dropItemsIn(project: string, scope: string): Work<number> {
  const history = yield* change(deleteHistoryIn, [project, scope]);
  return history + (yield* change(deleteItemsIn, [project, scope]));
}

const deleteItem = statement(`
  DELETE FROM memory WHERE project_id = $1 AND namespace = $2 AND key = $3 AND scope = $4`);
/** Erases one item, superseded revisions included; answers how many rows. */
export function* dropItem(project: string, namespace: string, key: string, scope: string): Work<number> {
  const history = yield* dropRevisions(project, namespace, key, scope, Number.MAX_SAFE_INTEGER);
  return history + (yield* change(deleteItem, [project, namespace, key, scope]));
}

const selectItemsOf = statement(`
  SELECT namespace, key, scope, revision FROM memory
  WHERE project_id = $1 AND (namespace, key, scope) > ($2, $3, $4) AND ($5 = '' OR scope = $5) AND ($6 = '' OR owner = $6)
  ORDER BY namespace, key, scope LIMIT $7`);
/** Items of one audience, or of one owner in any, live or not. */
export const itemsOf = (
  project: string,
  { scope, owner }: { readonly scope: string; readonly owner: string },
  after: Pick<ItemRow, 'namespace' | 'key' | 'scope'>,
  limit: number,
) =>
  many<Pick<ItemRow, 'namespace' | 'key' | 'scope' | 'revision'>>(selectItemsOf, [
    project,
    after.namespace,
    after.key,
    after.scope,
    scope,
    owner,
    limit,
  ]);
