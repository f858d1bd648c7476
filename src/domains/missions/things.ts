import { RookeryError } from '../../kernel/errors.ts';
import { encodeValue } from '../../kernel/json.ts';
import { limits } from '../../kernel/limits.ts';
import type { Kind } from './changes.ts';
import type { Mission, Sortie } from './model.ts';
import { type MissionRow, missionRows, type SortieRow, sortieRows } from './statements.ts';

/** Missions and sorties as they are stored, and as operations show them. */

export const missionKind: Kind<MissionRow> = {
  kind: 'mission',
  rows: missionRows,
  missionOf: (row) => row.id,
};

export const sortieKind: Kind<SortieRow> = {
  kind: 'sortie',
  rows: sortieRows,
  missionOf: (row) => row.mission_id,
};

export function missionOf(row: MissionRow): Mission {
  return {
    id: row.id,
    title: row.title,
    description: row.description,
    status: row.status,
    priority: row.priority as Mission['priority'],
    createdAt: row.created_at,
    startedAt: row.started_at,
    completedAt: row.completed_at,
    totalSorties: row.total_sorties,
    completedSorties: row.completed_sorties,
    result: decoded(row.result),
    metadata: JSON.parse(row.metadata) as Record<string, unknown>,
    createdBy: row.created_by,
    revision: row.revision,
  };
}

export function sortieOf(row: SortieRow): Sortie {
  return {
    id: row.id,
    missionId: row.mission_id,
    title: row.title,
    description: row.description,
    status: row.status,
    priority: row.priority as Sortie['priority'],
    assignedTo: row.assigned_to,
    files: JSON.parse(row.files) as string[],
    progress: row.progress,
    progressNotes: row.progress_notes,
    createdAt: row.created_at,
    startedAt: row.started_at,
    completedAt: row.completed_at,
    blockedBy: row.blocked_by,
    blockedReason: row.blocked_reason,
    result: decoded(row.result),
    metadata: JSON.parse(row.metadata) as Record<string, unknown>,
    createdBy: row.created_by,
    revision: row.revision,
  };
}

export function decoded(text: string | null): unknown {
  return text === null ? null : JSON.parse(text);
}

/** The JSON text of a result; nothing where there is none. */
export function encodedResult(result: unknown): string | null {
  return result === undefined || result === null ? null : bounded('result', result);
}

/** JSON text of what stands beside a thing, at most as long as metadata may be. */
export function bounded(field: string, value: unknown): string {
  const text = encodeValue(field, value);
  if (Buffer.byteLength(text) <= limits.metadataBytes) return text;
  throw new RookeryError('TOO_LARGE', `${field}: at most ${limits.metadataBytes} bytes of JSON`, {
    field,
    limitBytes: limits.metadataBytes,
  });
}
