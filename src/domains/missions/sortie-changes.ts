import { agentSubject } from '../../kernel/access/identity.ts';
import { isoTime } from '../../kernel/clock.ts';
import { Denial, type WriteContext } from '../../kernel/context.ts';
import { invalid } from '../../kernel/errors.ts';
import type { Work } from '../../kernel/work.ts';
import { noteSortie } from '../fleet/operations.ts';
import { type Happened, put } from './changes.ts';
import { assertOpen, type Followed, follow } from './following.ts';
import * as model from './model.ts';
import { missionRows, type SortieRow } from './statements.ts';
import { bounded, encodedResult, sortieKind } from './things.ts';

/** What may be said of a sortie that exists; what is absent stays. */
export interface Patch {
  readonly title?: string | undefined;
  readonly description?: string | undefined;
  readonly priority?: string | undefined;
  readonly assignedTo?: string | null | undefined;
  readonly files?: readonly string[] | undefined;
  readonly status?: model.SortieStatus | undefined;
  readonly progress?: number | undefined;
  readonly progressNotes?: string | null | undefined;
  readonly blockedBy?: string | undefined;
  readonly blockedReason?: string | undefined;
  readonly blockerType?: string | undefined;
  readonly closeReason?: string | undefined;
  readonly verdict?: string | undefined;
  readonly result?: unknown;
  readonly metadata?: Record<string, unknown> | undefined;
}

export interface Changed extends Followed {
  readonly sortie: SortieRow;
}

/** Changes a sortie, and its mission and specialist with it. */
export function* change(context: WriteContext, row: SortieRow, patch: Patch): Work<Changed> {
  const status = statusAfter(row, patch);
  const assigned = (patch.assignedTo === undefined ? row.assigned_to : patch.assignedTo) !== null;
  if (status !== row.status) {
    model.moveSortie(row.status, status, assigned);
    yield* assertMissionOpen(context, row);
  } else if (!model.isOpenSortie(status) && (patch.progress ?? row.progress) !== row.progress) {
    model.moveSortie(status, 'in_progress', assigned);
  }
  if (status === 'in_progress' && !assigned)
    throw invalid('assignedTo', 'a specialist, before it is in progress');
  const next = patched(row, { ...patch, status }, isoTime(context.now));
  const sortie = yield* put(context, sortieKind, row, next, happened(row, next, patch));
  yield* tellSpecialist(context, row, sortie);
  return { sortie, ...(yield* follow(context, row, sortie)) };
}

/** Whoever takes up a sortie starts it; FORBIDDEN where it is somebody else's. */
export function* start(context: WriteContext, row: SortieRow, specialist: string): Work<Changed> {
  if (row.assigned_to !== null && row.assigned_to !== specialist)
    throw new Denial(
      'FORBIDDEN',
      'only the assigned specialist can start this sortie',
      agentSubject(row.assigned_to),
      { sortie: row.id, assignedTo: row.assigned_to },
    );
  if (row.status === 'in_progress' || row.status === 'review') model.moveSortie(row.status, 'assigned', true);
  return yield* change(context, row, { status: 'in_progress', assignedTo: specialist });
}

function* assertMissionOpen(context: WriteContext, { mission_id }: SortieRow): Work<void> {
  const mission = mission_id === null ? undefined : yield* missionRows.byId(context.project, mission_id);
  if (mission) assertOpen(mission);
}

/** The state that a patch means: assigning and taking away are states of a sortie that has not begun. */
function statusAfter(row: SortieRow, { status, assignedTo }: Patch): model.SortieStatus {
  if (status !== undefined) return status;
  if (row.status === 'pending' && typeof assignedTo === 'string') return 'assigned';
  if (row.status === 'assigned' && assignedTo === null) return 'pending';
  return row.status;
}

function patched(
  row: SortieRow,
  patch: Patch & { readonly status: model.SortieStatus },
  now: string,
): SortieRow {
  const { status } = patch;
  const moved = status !== row.status;
  const completes = moved && status === 'completed';
  const blocked = status === 'blocked';
  return {
    ...row,
    title: patch.title ?? row.title,
    description: patch.description ?? row.description,
    priority: patch.priority ?? row.priority,
    assigned_to: patch.assignedTo === undefined ? row.assigned_to : patch.assignedTo,
    files: patch.files ? JSON.stringify(patch.files) : row.files,
    status,
    progress: completes ? 100 : Math.round(patch.progress ?? row.progress),
    progress_notes: patch.progressNotes === undefined ? row.progress_notes : patch.progressNotes,
    started_at: status === 'in_progress' ? (row.started_at ?? now) : row.started_at,
    completed_at: moved && !model.isOpenSortie(status) ? now : row.completed_at,
    blocked_by: blocked ? (patch.blockedBy ?? row.blocked_by) : null,
    blocked_reason: blocked ? (patch.blockedReason ?? row.blocked_reason) : null,
    result: patch.result === undefined ? row.result : encodedResult(patch.result),
    metadata: patch.metadata ? bounded('metadata', patch.metadata) : row.metadata,
  };
}

/** What a move to a state is called in the stream of a sortie. */
const named: Record<model.SortieStatus, string> = {
  pending: 'sortie_status_changed',
  assigned: 'sortie_status_changed',
  in_progress: 'sortie_started',
  blocked: 'sortie_blocked',
  review: 'review_started',
  completed: 'sortie_completed',
  failed: 'sortie_status_changed',
  cancelled: 'sortie_closed',
};

function happened(before: SortieRow, after: SortieRow, patch: Patch): Happened {
  const { mission_id, assigned_to, status, progress } = after;
  const state = { mission_id, assigned_to, status, progress };
  if (before.status === status) {
    const progressed = patch.progress !== undefined || patch.progressNotes !== undefined;
    return { type: progressed ? 'sortie_progress' : 'sortie_updated', data: state };
  }
  return {
    type: moveName(before.status, status),
    data: { ...state, from: before.status, ...said(before, after, patch) },
  };
}

function moveName(from: model.SortieStatus, to: model.SortieStatus): string {
  if (to !== 'in_progress') return named[to];
  if (from === 'review') return 'review_completed';
  return from === 'blocked' ? 'sortie_status_changed' : named[to];
}

function said(before: SortieRow, after: SortieRow, patch: Patch): Record<string, unknown> {
  if (after.status === 'blocked')
    return {
      blocked_by: after.blocked_by,
      blocked_reason: after.blocked_reason,
      ...(patch.blockerType !== undefined && { blocker_type: patch.blockerType }),
    };
  if (after.status === 'cancelled') return { close_reason: patch.closeReason ?? 'cancelled' };
  if (after.status === 'completed')
    return { close_reason: 'completed', verdict: patch.verdict ?? 'approved' };
  return before.status === 'review' ? { verdict: patch.verdict ?? 'needs_changes' } : {};
}

/** A specialist is on the sortie that it has in progress. */
export function* tellSpecialist(context: WriteContext, before: SortieRow, after: SortieRow): Work<void> {
  const had = before.status === 'in_progress' || before.status === 'blocked' ? before.assigned_to : null;
  const has = after.status === 'in_progress' || after.status === 'blocked' ? after.assigned_to : null;
  if (had === has) return;
  if (had !== null) yield* noteSortie(context, had, { sortie: after.id, on: false });
  if (has !== null) yield* noteSortie(context, has, { sortie: after.id, on: true });
}
