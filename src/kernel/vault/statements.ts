import { change, many, one, statement } from '../work.ts';

export interface KeyRow {
  id: string;
  parent_id: string | null;
  purpose: string;
  scope: string;
  algorithm: string;
  wrapped: Uint8Array;
  commitment: Uint8Array;
  state: string;
  uses: number;
}

const columns = 'id, parent_id, purpose, scope, algorithm, wrapped, commitment, state, uses';

const selectPrimary = statement(`
  SELECT ${columns} FROM keys WHERE project_id = $1 AND purpose = $2 AND scope = $3 AND state = 'primary'`);
export const primaryKey = (project: string, purpose: string, scope: string) =>
  one<KeyRow>(selectPrimary, [project, purpose, scope]);

const selectKey = statement(`SELECT ${columns} FROM keys WHERE project_id = $1 AND id = $2`);
export const keyById = (project: string, id: string) => one<KeyRow>(selectKey, [project, id]);

const selectKeysOf = statement(`
  SELECT ${columns} FROM keys WHERE project_id = $1 AND purpose = $2 AND scope = $3 ORDER BY created_at DESC, id LIMIT 1000`);
/** All keys a scope ever had, the newest first. */
export const keysOf = (project: string, purpose: string, scope: string) =>
  many<KeyRow>(selectKeysOf, [project, purpose, scope]);

const insertKey = statement(`
  INSERT INTO keys (project_id, id, parent_id, purpose, scope, algorithm, wrapped, commitment, state, uses, created_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'primary', 0, $9) ON CONFLICT DO NOTHING`);
export const addKey = (project: string, key: Omit<KeyRow, 'state' | 'uses'>, now: number) =>
  change(insertKey, [
    project,
    key.id,
    key.parent_id,
    key.purpose,
    key.scope,
    key.algorithm,
    key.wrapped,
    key.commitment,
    now,
  ]);

const updateUses = statement('UPDATE keys SET uses = uses + $3 WHERE project_id = $1 AND id = $2');
export const reserveUses = (project: string, id: string, uses: number) =>
  change(updateUses, [project, id, uses]);

const retirePrimary = statement(`
  UPDATE keys SET state = 'decrypt-only' WHERE project_id = $1 AND id = $2 AND state = 'primary'`);
export const retireKey = (project: string, id: string) => change(retirePrimary, [project, id]);
