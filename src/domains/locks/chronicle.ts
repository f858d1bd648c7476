import { isoTime } from '../../kernel/clock.ts';
import type { WriteContext } from '../../kernel/context.ts';
import type { Work } from '../../kernel/work.ts';
import { recordEvent } from '../mail/operations.ts';
import type { Status } from './model.ts';
import type { LeaseRows, LockRow } from './statements.ts';

/**
 * The life of leases that asked for it, told in the stream (`ctk`, path) by the names of seed 002. A lease that did not
 * ask costs nothing here: an event is a row and an entry more.
 */
const streamType = 'ctk';

export function* tellGrant(context: WriteContext, rows: LeaseRows): Work<void> {
  for (const row of rows) yield* tell(context, row, 'ctk_reserved', {});
}

/** Who released it, time, or the end of its holder. */
const releaseReasons: Record<Exclude<Status, 'active'>, string> = {
  released: 'explicit',
  expired: 'timeout',
  force_released: 'explicit',
};

export function* tellEnd(
  context: WriteContext,
  rows: LeaseRows,
  how: { readonly status: Status; readonly reason?: string | undefined; readonly crash?: boolean },
): Work<void> {
  if (how.status === 'active') return;
  const crashed = how.status === 'force_released' && how.crash === true;
  const data = {
    release_reason: crashed ? 'crash' : releaseReasons[how.status],
    status: how.status,
    ...(how.reason !== undefined && { reason: how.reason }),
  };
  for (const row of rows)
    yield* tell(context, row, 'ctk_released', { ...data, released_at: row.released_at });
}

/** A request that was refused, and the lease that stood in its way. Nothing else of the request is kept. */
export interface Refused {
  readonly path: string;
  readonly file: string;
  readonly by: string;
  readonly type: 'concurrent_edit' | 'stale_lock' | 'checksum_mismatch';
  readonly holder: string;
  readonly lock?: string | undefined;
}

export function* tellConflict(context: WriteContext, refused: Refused): Work<void> {
  yield* recordEvent(context, {
    streamType,
    streamId: refused.path,
    type: 'ctk_conflict',
    data: {
      file: refused.file,
      normalized_path: refused.path,
      conflict_type: refused.type,
      specialist_id: refused.by,
      reserved_by: refused.holder,
      ...(refused.lock && { lock_id: refused.lock }),
    },
  });
}

function* tell(
  context: WriteContext,
  row: LockRow,
  type: string,
  more: Readonly<Record<string, unknown>>,
): Work<void> {
  yield* recordEvent(context, {
    streamType,
    streamId: row.normalized_path,
    type,
    data: {
      reservation_id: row.id,
      lock_id: row.id,
      file: row.file,
      normalized_path: row.normalized_path,
      specialist_id: row.reserved_by,
      reserved_by: row.reserved_by,
      purpose: row.purpose,
      checksum: row.checksum,
      timeout_ms: row.timeout_ms,
      expires_at: row.expires_at_ms === null ? null : isoTime(row.expires_at_ms),
      fencing_token: row.fencing_token,
      ...more,
    },
  });
}
