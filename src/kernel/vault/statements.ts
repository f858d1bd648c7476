import { change, many, one, statement, type Work } from '../work.ts';
import type { KeyState } from './states.ts';

export interface KeyRow {
  id: string;
  parent_id: string | null;
  purpose: string;
  scope: string;
  algorithm: string;
  wrapped: Uint8Array;
  commitment: Uint8Array;
  state: KeyState;
  uses: number;
  created_at: number;
  revision: number;
  seq: number;
  changed_at: number | null;
  /** Since when no record refers to it, as a rotation has found. */
  emptied_at: number | null;
  /** Since when it opens nothing any more. */
  retired_at: number | null;
  reason: string;
}

const columns = `id, parent_id, purpose, scope, algorithm, wrapped, commitment, state, uses, created_at, revision, seq,
  changed_at, emptied_at, retired_at, reason`;

const selectPrimary = statement(`
  SELECT ${columns} FROM keys WHERE project_id = $1 AND purpose = $2 AND scope = $3 AND state = 'primary'`);
export const primaryKey = (project: string, purpose: string, scope: string) =>
  one<KeyRow>(selectPrimary, [project, purpose, scope]);

const lockPrimary = statement(
  `SELECT ${columns} FROM keys WHERE project_id = $1 AND purpose = $2 AND scope = '' AND state = 'primary'`,
  {
    when: 'postgres',
    sql: `SELECT ${columns} FROM keys
      WHERE project_id = $1 AND purpose = $2 AND scope = '' AND state = 'primary' FOR UPDATE`,
    because:
      'a key above the projects is not covered by the row lock of one: who wraps under it holds it in place',
  },
);
/** The primary key of a purpose, held to the end of the transaction. Look again where it was replaced meanwhile. */
export function* heldPrimary(project: string, purpose: string): Work<KeyRow | undefined> {
  const parameters = [project, purpose];
  return (yield* one<KeyRow>(lockPrimary, parameters)) ?? (yield* one<KeyRow>(lockPrimary, parameters));
}

const selectKey = statement(`SELECT ${columns} FROM keys WHERE project_id = $1 AND id = $2`);
export const keyById = (project: string, id: string) => one<KeyRow>(selectKey, [project, id]);

const selectKeysOf = statement(`
  SELECT ${columns} FROM keys WHERE project_id = $1 AND purpose = $2 AND scope = $3 ORDER BY created_at DESC, id LIMIT 1000`);
/** All keys a scope ever had, the newest first. */
export const keysOf = (project: string, purpose: string, scope: string) =>
  many<KeyRow>(selectKeysOf, [project, purpose, scope]);

const selectKeys = statement(`
  SELECT ${columns} FROM keys
  WHERE project_id = $1 AND id > $2 AND ($3 = '' OR state = $3) AND ($4 = '' OR purpose = $4) AND ($5 = '' OR scope = $5)
  ORDER BY id LIMIT $6`);
export interface KeyFilter {
  readonly state?: KeyState | undefined;
  readonly purpose?: string | undefined;
  readonly scope?: string | undefined;
}
export const keysAfter = (project: string, after: string, filter: KeyFilter, limit: number) =>
  many<KeyRow>(selectKeys, [
    project,
    after,
    filter.state ?? '',
    filter.purpose ?? '',
    filter.scope ?? '',
    limit,
  ]);

const selectSuperseded = statement(`
  SELECT id FROM keys
  WHERE project_id = $1 AND purpose = 'data' AND retired_at IS NULL AND (state = 'decrypt-only' OR state = 'compromised')
  ORDER BY id LIMIT 100000`);
/** Keys that open records and seal none: what is under them is to be sealed anew. */
export function* supersededKeys(project: string): Work<string[]> {
  return (yield* many<{ id: string }>(selectSuperseded, [project])).map(({ id }) => id);
}

const selectUnder = statement(`
  SELECT project_id, ${columns} FROM keys WHERE parent_id = $1 AND state <> 'destroyed' ORDER BY project_id, id LIMIT 500`);
/** Keys that one key wraps, in all projects, at most 500 at a time. */
export const keysUnder = (parent: string) => many<KeyRow & { project_id: string }>(selectUnder, [parent]);

const selectUnderRoot = statement(`
  SELECT project_id, ${columns} FROM keys WHERE parent_id IS NULL AND state <> 'destroyed' AND project_id > $1
  ORDER BY project_id, id LIMIT 500`);
/** Keys of projects that the root key wraps itself, as the first stores had them. */
export const projectKeysUnderRoot = () => many<KeyRow & { project_id: string }>(selectUnderRoot, ['']);

const updateWrapped = statement(`
  UPDATE keys SET parent_id = $3, wrapped = $4 WHERE project_id = $1 AND id = $2`);
export const rewrap = (project: string, id: string, parent: string | null, wrapped: Uint8Array) =>
  change(updateWrapped, [project, id, parent, wrapped]);

const insertKey = statement(`
  INSERT INTO keys (project_id, id, parent_id, purpose, scope, algorithm, wrapped, commitment, state, uses, created_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, $10) ON CONFLICT DO NOTHING`);
export type NewKeyRow = Pick<
  KeyRow,
  'id' | 'parent_id' | 'purpose' | 'scope' | 'algorithm' | 'wrapped' | 'commitment' | 'state'
>;
export const addKey = (project: string, key: NewKeyRow, now: number) =>
  change(insertKey, [
    project,
    key.id,
    key.parent_id,
    key.purpose,
    key.scope,
    key.algorithm,
    key.wrapped,
    key.commitment,
    key.state,
    now,
  ]);

const updateUses = statement('UPDATE keys SET uses = uses + $3 WHERE project_id = $1 AND id = $2');
export const reserveUses = (project: string, id: string, uses: number) =>
  change(updateUses, [project, id, uses]);

const updateState = statement(`
  UPDATE keys SET state = $3, revision = $4, seq = $5, changed_at = $6, retired_at = $7, reason = $8
  WHERE project_id = $1 AND id = $2 AND state = $9 AND revision = $4 - 1`);
/** Moves a key from the state and revision in which it was seen; 0 rows when it is in another one. */
export const changeState = (
  project: string,
  seen: Pick<KeyRow, 'id' | 'state' | 'revision'>,
  next: Pick<KeyRow, 'state' | 'seq' | 'changed_at' | 'retired_at' | 'reason'>,
) =>
  change(updateState, [
    project,
    seen.id,
    next.state,
    seen.revision + 1,
    next.seq,
    next.changed_at,
    next.retired_at,
    next.reason,
    seen.state,
  ]);

const updateDestroyed = statement(`
  UPDATE keys SET wrapped = $3, commitment = $3 WHERE project_id = $1 AND id = $2`);
/** Overwrites what could still be unwrapped. */
export const wipeKey = (project: string, id: string) =>
  change(updateDestroyed, [project, id, new Uint8Array(0)]);

const updateEmptied = statement(`
  UPDATE keys SET emptied_at = $3 WHERE project_id = $1 AND id = $2 AND emptied_at IS NULL AND state <> 'primary'`);
export const noteEmptied = (project: string, id: string, now: number) =>
  change(updateEmptied, [project, id, now]);

const updateWornOut = statement(`
  UPDATE keys SET state = 'decrypt-only' WHERE project_id = $1 AND id = $2 AND state = 'primary'`);
/** Ends the use of a key that has sealed as much as it safely can. */
export const wearOut = (project: string, id: string) => change(updateWornOut, [project, id]);

const updateEnded = statement(`UPDATE keys SET state = 'destroyed' WHERE project_id = $1 AND id = $2`);
/** Ends a key above data keys; its wrapped bytes are overwritten once nothing is under it. */
export const endKey = (project: string, id: string) => change(updateEnded, [project, id]);
