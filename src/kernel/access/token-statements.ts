import { change, many, one, statement } from '../work.ts';

export interface TokenRow {
  id: string;
  project_id: string;
  agent_id: string;
  secret_hash: Uint8Array;
  /** JSON list of rights. */
  rights: string;
  label: string;
  created_at: number;
  expires_at: number | null;
  revoked_at: number | null;
  last_used_at: number | null;
}

/** A token with what decides about it: its agent, the agent that is to act, and the store clock. */
export interface PresentedTokenRow extends TokenRow {
  /** Null: the agent does not exist yet and will at its first call. */
  agent_status: string | null;
  actor_last_seen: number | null;
  clock_ms: number | null;
}

const columns =
  'id, project_id, agent_id, secret_hash, rights, label, created_at, expires_at, revoked_at, last_used_at';

const selectPresented = statement(`
  SELECT ${columns
    .split(', ')
    .map((column) => `t.${column}`)
    .join(', ')},
    (SELECT a.status FROM agents a WHERE a.project_id = t.project_id AND a.id = t.agent_id) AS agent_status,
    (SELECT a.last_seen FROM agents a WHERE a.project_id = t.project_id
      AND a.id = CASE WHEN $2 = '' THEN t.agent_id ELSE $2 END) AS actor_last_seen,
    (SELECT h.clock_ms FROM ledger_heads h WHERE h.project_id = t.project_id) AS clock_ms
  FROM tokens t WHERE t.id = $1`);
/** All that one request needs, by primary keys. `actFor` empty: the token's own agent acts. */
export const presentedToken = (id: string, actFor: string) =>
  one<PresentedTokenRow>(selectPresented, [id, actFor]);

const selectToken = statement(`SELECT ${columns} FROM tokens WHERE project_id = $1 AND id = $2`);
export const tokenById = (project: string, id: string) => one<TokenRow>(selectToken, [project, id]);

const selectTokens = statement(`
  SELECT ${columns} FROM tokens
  WHERE project_id = $1 AND id > $2 AND ($3 = '' OR agent_id = $3) ORDER BY id LIMIT $4`);
export const tokensAfter = (project: string, after: string, agent: string, limit: number) =>
  many<TokenRow>(selectTokens, [project, after, agent, limit]);

const selectLiveAdmins = statement(`
  SELECT ${columns} FROM tokens
  WHERE project_id = $1 AND agent_id = $2 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $3)
    AND replace(rights, '"admin"', '') <> rights
  LIMIT 1`);
/** A live token with the right admin that the agent holds. */
export const liveAdminToken = (project: string, agent: string, now: number) =>
  one<TokenRow>(selectLiveAdmins, [project, agent, now]);

const insertToken = statement(`
  INSERT INTO tokens (id, project_id, agent_id, secret_hash, rights, label, created_at, expires_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`);
export const addToken = (token: Omit<TokenRow, 'revoked_at' | 'last_used_at'>) =>
  change(insertToken, [
    token.id,
    token.project_id,
    token.agent_id,
    token.secret_hash,
    token.rights,
    token.label,
    token.created_at,
    token.expires_at,
  ]);

const updateRevoked = statement(`
  UPDATE tokens SET revoked_at = $3 WHERE project_id = $1 AND id = $2 AND revoked_at IS NULL`);
export const revokeToken = (project: string, id: string, now: number) =>
  change(updateRevoked, [project, id, now]);

const updateUsed = statement(`
  UPDATE tokens SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at <= $3)`);
/** Guarded, so that processes that share the store write it once for all of them. */
export const useToken = (id: string, now: number, unlessAfter: number) =>
  change(updateUsed, [id, now, unlessAfter]);
