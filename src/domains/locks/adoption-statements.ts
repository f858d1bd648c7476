import { change, statement } from '../../kernel/work.ts';
import type { LockRow } from './statements.ts';

const insertAdopted = statement(`
  INSERT INTO locks (project_id, id, kind, file, normalized_path, reserved_by, incarnation, reserved_at, released_at,
    purpose, shared, checksum, timeout_ms, expires_at, expires_at_ms, status, fencing_token, seq, metadata)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)`);
/** The one row of a lease that comes with a life of its own, over or not. */
export const adoptLock = (project: string, row: LockRow, expiresAt: string | null) =>
  change(insertAdopted, [
    project,
    row.id,
    row.kind,
    row.file,
    row.normalized_path,
    row.reserved_by,
    row.incarnation,
    row.reserved_at,
    row.released_at,
    row.purpose,
    row.shared,
    row.checksum,
    row.timeout_ms,
    expiresAt,
    row.expires_at_ms,
    row.status,
    row.fencing_token,
    row.seq,
    row.metadata,
  ]);
