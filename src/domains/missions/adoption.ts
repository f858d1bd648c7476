import { isoTime } from '../../kernel/clock.ts';
import type { WriteContext } from '../../kernel/context.ts';
import { invalid, notFound } from '../../kernel/errors.ts';
import type { Work } from '../../kernel/work.ts';
import { put } from './changes.ts';
import type { Checkpoint } from './checkpoint-model.ts';
import type { CheckpointRow } from './checkpoint-statements.ts';
import { checkpointKind, encodeSnapshots } from './records.ts';
import { withoutSecrets } from './redaction.ts';
import { missionRows } from './statements.ts';
import { assertSize, findCheckpoint } from './taking.ts';
import { bounded } from './things.ts';

/** Stores a checkpoint that a copy tells of, under the id and times it had. */
export function* adopt(context: WriteContext, copy: Checkpoint): Work<CheckpointRow> {
  if (yield* findCheckpoint(context, copy.id)) throw invalid('id', 'a checkpoint id that is not in use');
  if (!(yield* missionRows.byId(context.project, copy.missionId))) throw notFound('mission');
  const madeAt = Math.min(timeOf('timestamp', copy.timestamp), context.now);
  const expiresAt = copy.expiresAt === null ? null : timeOf('expiresAt', copy.expiresAt);
  const row: CheckpointRow = {
    id: copy.id,
    mission_id: copy.missionId,
    timestamp: isoTime(madeAt),
    timestamp_ms: madeAt,
    trigger: copy.trigger,
    trigger_details:
      copy.triggerDetails === null || copy.triggerDetails === undefined
        ? null
        : bounded('triggerDetails', copy.triggerDetails),
    progress_percent: Math.min(100, Math.max(0, copy.progressPercent)),
    ...encodeSnapshots(withoutSecrets(copy)),
    created_by: copy.createdBy,
    expires_at: expiresAt === null ? null : isoTime(expiresAt),
    expires_at_ms: expiresAt,
    consumed_at: copy.consumedAt,
    version: copy.version,
    metadata: bounded('metadata', withoutSecrets(copy.metadata)),
    bytes: 0,
    author: context.agent,
    revision: 0,
    seq: 0,
    made: 0,
  };
  const data = { mission_id: copy.missionId, trigger: copy.trigger, from_copy: true };
  const happened = { type: 'checkpoint_created', data };
  return yield* put(context, checkpointKind, undefined, { ...row, bytes: assertSize(row) }, happened);
}

function timeOf(field: string, text: string): number {
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw invalid(field, 'a time as ISO 8601 text');
  return time;
}
