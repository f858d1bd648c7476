import { scopes } from '../../kernel/access/model.ts';
import type { Subject, WriteContext } from '../../kernel/context.ts';
import { RookeryError } from '../../kernel/errors.ts';
import type { Work } from '../../kernel/work.ts';
import { type Recorded, recordEvent } from '../mail/operations.ts';
import type { Rows, Versioned } from './statements.ts';

/** The one way in which rows of this domain are written: entry, row and event together. */

/** A kind of thing: what the ledger, the event stream and the waiters call it. */
export interface Kind<Row extends Versioned> {
  readonly kind: 'mission' | 'sortie' | 'checkpoint';
  readonly rows: Rows<Row>;
  /** The mission that it belongs to: events of one mission share its id as their correlation. */
  missionOf(row: Row): string | null;
}

export interface Happened {
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly causationId?: string | undefined;
}

export function subjectOf({ kind }: Pick<Kind<never>, 'kind'>, id: string): Subject {
  return { kind, name: id, scope: scopes.project };
}

export function topicOf({ kind }: Pick<Kind<never>, 'kind'>, id: string): string {
  return `${kind}/${id}`;
}

/** The text that every entry of a thing commits to; verification makes it again from the row. */
export function contentText<Row extends Versioned>({ rows }: Kind<Row>, row: Row): string {
  return JSON.stringify(rows.columns.map((column) => row[column]));
}

/** Writes the next revision of a thing, or its first, and what happened; answers the row as it is then. */
export function* put<Row extends Versioned>(
  context: WriteContext,
  kind: Kind<Row>,
  before: Row | undefined,
  after: Row,
  happened?: Happened,
): Work<Row> {
  const revision = (before?.revision ?? 0) + 1;
  const seq = yield* context.record(subjectOf(kind, after.id), {
    revision: [revision - 1, revision],
    content: contentText(kind, after),
  });
  const row = { ...after, revision, seq, made: before?.made ?? seq };
  const changed = yield* before
    ? kind.rows.replace(context.project, row)
    : kind.rows.add(context.project, row);
  if (changed !== 1)
    throw new RookeryError('REVISION_CONFLICT', `the ${kind.kind} changed meanwhile`, {
      [kind.kind]: row.id,
    });
  if (happened) yield* tell(context, kind, row, happened);
  context.tx.touch(topicOf(kind, row.id));
  return row;
}

/** Removes a thing for good; its entries and events stay. */
export function* drop<Row extends Versioned>(context: WriteContext, kind: Kind<Row>, row: Row): Work<void> {
  yield* context.record(subjectOf(kind, row.id), {
    revision: [row.revision, row.revision + 1],
    facts: { deleted: 1 },
  });
  yield* kind.rows.drop(context.project, row.id);
  context.tx.touch(topicOf(kind, row.id));
}

/** Appends an event to the stream of a thing. */
export function tell<Row extends Versioned>(
  context: WriteContext,
  kind: Kind<Row>,
  row: Row,
  { type, data, causationId }: Happened,
): Work<Recorded> {
  const mission = kind.missionOf(row);
  return recordEvent(context, {
    streamType: kind.kind,
    streamId: row.id,
    type,
    data: { [`${kind.kind}_id`]: row.id, ...data },
    causationId,
    correlationId: mission ?? undefined,
  });
}
