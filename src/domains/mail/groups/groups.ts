import { levelOf, sealedByDefault } from '../../../kernel/access/model.ts';
import type { ReadContext, WriteContext } from '../../../kernel/context.ts';
import { invalid, RookeryError } from '../../../kernel/errors.ts';
import { limits } from '../../../kernel/limits.ts';
import type { Work } from '../../../kernel/work.ts';
import type { StreamRow } from '../statements.ts';
import { readable } from '../streams.ts';
import { defaults, type GroupState } from './model.ts';
import {
  addGroup,
  bury,
  changeGroup,
  countsOf,
  type DeliveryRow,
  type GroupRow,
  groupCount,
  groupOf,
  type Place,
} from './statements.ts';

/** What every operation on a group shares: finding it, telling how it stands, and closing a change of it. */

export function topicOf(stream: string, group: string): string {
  return `mail/${stream}/${group}`;
}

/** A group with its stream, as a call found it; the row is changed in place and written back once, by `close`. */
export interface Opened {
  readonly stream: StreamRow;
  readonly group: GroupRow;
  readonly place: Place;
}

/** The group of a stream that the caller may read; undefined otherwise. */
export function* open(context: ReadContext, stream: string, group: string): Work<Opened | undefined> {
  const found = yield* readable(context, stream);
  const row = found && (yield* groupOf(context.project, stream, group));
  return row && { stream: found, group: row, place: [context.project, stream, group] };
}

export interface Settings {
  readonly ackWaitMs?: number | undefined;
  readonly maxDeliveries?: number | undefined;
  readonly holdMs?: number | undefined;
  /** Where a group that is new starts: after this position. */
  readonly after?: number | undefined;
  readonly order?: 'none' | 'correlation' | undefined;
}

/** The group, made if there is none, with the settings that were named. `changed`: the row differs from the stored one. */
export function* openOrCreate(
  context: WriteContext,
  stream: StreamRow,
  name: string,
  settings: Settings,
): Work<Opened & { changed: boolean }> {
  const { project } = context;
  const place: Place = [project, stream.id, name];
  const found = yield* groupOf(project, stream.id, name);
  if (found) return { stream, group: found, place, changed: applySettings(found, settings) };
  if ((yield* groupCount(project, stream.id)) >= limits.groupsPerStream) {
    throw new RookeryError('LIMIT_REACHED', `a stream has at most ${limits.groupsPerStream} groups`, {
      stream: stream.id,
    });
  }
  const { after: start = 0, order = 'none' } = settings;
  if (start > stream.head) throw invalid('after', `at most the head of the stream, ${stream.head}`);
  const group: GroupRow = {
    stream_id: stream.id,
    group_id: name,
    start_position: start,
    next_position: start + 1,
    acked: 0,
    dead: 0,
    max_deliveries: settings.maxDeliveries ?? defaults.maxDeliveries,
    ack_wait_ms: settings.ackWaitMs ?? defaults.ackWaitMs,
    hold_ms: settings.holdMs ?? defaults.holdMs,
    keyed: order === 'correlation' ? 1 : 0,
    created_at: context.now,
  };
  yield* addGroup(project, group);
  return { stream, group, place, changed: true };
}

/** What a group hands out, and in which order, is fixed when it is made; how long and how often may change. */
function applySettings(group: GroupRow, settings: Settings): boolean {
  const { after, order } = settings;
  if (after !== undefined && after !== group.start_position)
    throw invalid('after', `the group starts after ${group.start_position}: leave it out`);
  if (order !== undefined && order !== orderOf(group))
    throw invalid('order', `the group has order "${orderOf(group)}": leave it out`);
  const before = [group.max_deliveries, group.ack_wait_ms, group.hold_ms];
  group.max_deliveries = settings.maxDeliveries ?? group.max_deliveries;
  group.ack_wait_ms = settings.ackWaitMs ?? group.ack_wait_ms;
  group.hold_ms = settings.holdMs ?? group.hold_ms;
  const now = [group.max_deliveries, group.ack_wait_ms, group.hold_ms];
  return now.some((value, i) => value !== before[i]);
}

function orderOf(group: GroupRow): 'none' | 'correlation' {
  return group.keyed === 1 ? 'correlation' : 'none';
}

/** Ends a call that changed the group: the row, one ledger entry with counts, and the wake-up where others gain by it. */
export function* close(
  context: WriteContext,
  { stream, group }: Opened,
  facts: Readonly<Record<string, number>>,
  wake: boolean,
): Work<void> {
  const told = Object.fromEntries(Object.entries(facts).filter(([, count]) => count > 0));
  const name = `${stream.id}\n${group.group_id}`;
  yield* context.record({ kind: 'group', name, scope: stream.scope }, { facts: told });
  yield* changeGroup(context.project, group);
  if (wake) context.tx.touch(topicOf(stream.id, group.group_id));
}

export function* stateOf(context: ReadContext, { stream, group, place }: Opened): Work<GroupState> {
  const { dead, inflight, held } = yield* countsOf(place, context.now, group.max_deliveries);
  const fresh = stream.head - group.next_position + 1;
  return {
    stream: stream.id,
    group: group.group_id,
    start: group.start_position,
    head: stream.head,
    ready: fresh + held - dead - inflight,
    inflight,
    acked: group.acked,
    dead,
    ackWaitMs: group.ack_wait_ms,
    maxDeliveries: group.max_deliveries,
    holdMs: group.hold_ms,
    order: orderOf(group),
    createdAt: group.created_at,
  };
}

/** Turns an event into a dead letter, in the commit that takes it away from the workers. */
export function* kill(
  context: WriteContext,
  { stream, group, place }: Opened,
  position: number,
  reason: string,
): Work<void> {
  const encrypt = sealedByDefault(levelOf(stream.scope));
  const stored = yield* context.seal(reason, encrypt, reasonBinding(stream, group.group_id, position));
  const killed = yield* bury(place, position, {
    now: context.now,
    reason: stored.value,
    sealed: stored.sealed,
  });
  if (killed !== 1) throw new RookeryError('REVISION_CONFLICT', `position ${position} changed meanwhile`);
  group.dead += 1;
}

export function* reasonOf(
  context: ReadContext,
  { stream, group }: Opened,
  row: DeliveryRow,
): Work<string | undefined> {
  if (row.sealed === null) return row.reason ?? undefined;
  const binding = reasonBinding(stream, group.group_id, row.position);
  return yield* context.open({ value: null, sealed: row.sealed }, binding);
}

/** A reason may quote the event, so it is sealed wherever the event is. */
export function reasonBinding(
  stream: Pick<StreamRow, 'id' | 'scope' | 'incarnation'>,
  group: string,
  position: number,
) {
  return {
    table: 'mail_deliveries',
    record: `${stream.incarnation}\n${stream.id}\n${group}`,
    scope: stream.scope,
    revision: position,
  };
}
