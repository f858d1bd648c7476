import { levelOf } from '../../kernel/access/model.ts';
import { isoTime } from '../../kernel/clock.ts';
import type { ReadContext } from '../../kernel/context.ts';
import type { Entry } from '../../kernel/ledger/entry.ts';
import { differing, type RecordPage, type StateCheck, type StoredRecord } from '../../kernel/ledger/state.ts';
import { limits } from '../../kernel/limits.ts';
import type { Work } from '../../kernel/work.ts';
import { chronicleChecks } from './chronicle/checks.ts';
import { contentOf, contentText } from './events.ts';
import { messageChecks } from './messages/checks.ts';
import { inboxOwner } from './model.ts';
import {
  eventsBetween,
  type PlacedRow,
  placesAfter,
  type StreamRow,
  streamsForChecks,
} from './statements.ts';
import { subjectOf } from './streams.ts';

const streamsAtOnce = 500;
/** More than one append can hold, so that a page always has a whole one. */
const eventsAtOnce = limits.batchItems + 1;

/**
 * Streams and what was appended to them: head, owner and audience are those of the entries, positions have no hole, and
 * each append still says what its entry committed to.
 */
export const stateChecks: readonly StateCheck[] = [
  {
    kind: 'mail',
    complete: true,
    keepsDeleted: false,
    *page(context, after = ['']) {
      const rows = yield* streamsForChecks(context.project, String(after[0]), streamsAtOnce);
      const last = rows.at(-1);
      return {
        records: rows.map((row) => streamRecord(context, row)),
        next: last && rows.length === streamsAtOnce ? [last.id] : undefined,
      };
    },
  },
  {
    kind: 'mail',
    complete: false,
    keepsDeleted: false,
    *page(context, after = ['', 0]) {
      const [stream, position] = [String(after[0]), Number(after[1])];
      const rows = yield* placesAfter(context.project, stream, position, eventsAtOnce);
      return appendsIn(context, rows, { stream, position });
    },
  },
  ...chronicleChecks,
  ...messageChecks,
];

function streamRecord(context: ReadContext, row: StreamRow & { level: string; seq: number }): StoredRecord {
  return {
    subject: subjectOf(row.id, row.scope),
    label: `stream ${row.id}`,
    seq: row.seq,
    current: true,
    differences: (entry, birth) => streamDifferences(row, entry, birth),
    content:
      row.head === 0
        ? undefined
        : () => textOf(context, row, row.head - limits.batchItems, row.head, row.seq),
  };
}

function streamDifferences(
  row: StreamRow & { level: string },
  entry: Entry,
  birth: Entry | undefined,
): string {
  return (
    differing('head', row.head, entry.revision?.[1]) +
    differing('level', row.level, levelOf(entry.scope)) +
    differing('incarnation', row.incarnation, birth?.seq ?? row.incarnation) +
    differing('owner', row.owner, birth ? (inboxOwner(row.id) ?? birth.actor) : row.owner)
  );
}

/** The appends that lie whole in a page of events; the page ends before one that may go on. */
function appendsIn(
  context: ReadContext,
  rows: readonly PlacedRow[],
  from: { stream: string; position: number },
): RecordPage {
  const full = rows.length === eventsAtOnce;
  const batches: PlacedRow[][] = [];
  for (const row of rows) {
    const last = batches.at(-1);
    if (last && last[0]!.seq === row.seq && last[0]!.id === row.id) last.push(row);
    else batches.push([row]);
  }
  if (full && batches.length > 1) batches.pop();
  const end = batches.at(-1)?.at(-1);
  return {
    records: batches.map((batch) => appendRecord(context, batch)),
    problems: gapsIn(batches.flat(), from),
    next: full && end ? [end.id, end.sequence_number] : undefined,
  };
}

function gapsIn(rows: readonly PlacedRow[], from: { stream: string; position: number }) {
  let before = from;
  return rows.flatMap((row) => {
    const expected = row.id === before.stream ? before.position + 1 : 1;
    before = { stream: row.id, position: row.sequence_number };
    if (row.sequence_number === expected) return [];
    const message = `position ${expected} is missing before ${row.sequence_number}`;
    return [{ kind: 'state-missing' as const, seq: row.seq, subject: `stream ${row.id}`, message }];
  });
}

function appendRecord(context: ReadContext, batch: readonly PlacedRow[]): StoredRecord {
  const [first, last] = [batch[0]!, batch.at(-1)!];
  return {
    subject: subjectOf(first.id, first.scope),
    label: `stream ${first.id}, positions ${first.sequence_number} to ${last.sequence_number}`,
    seq: first.seq,
    current: false,
    differences: (entry) => appendDifferences(batch, entry),
    content: () => textOf(context, first, first.sequence_number - 1, last.sequence_number, first.seq),
  };
}

function appendDifferences(batch: readonly PlacedRow[], entry: Entry): string {
  const time = isoTime(entry.time);
  const unlike = batch.find((row) => row.author !== entry.actor || row.recorded_at !== time) ?? batch[0]!;
  return (
    differing('sequence_number', batch[0]!.sequence_number, entry.facts?.['first']) +
    differing('count', batch.length, entry.facts?.['count']) +
    differing('author', unlike.author, entry.actor) +
    differing('recorded_at', unlike.recorded_at, time)
  );
}

/** The text an append committed to, made again from its rows: those of one entry between two positions. */
function* textOf(
  context: ReadContext,
  stream: Pick<StreamRow, 'id' | 'scope' | 'incarnation'>,
  after: number,
  upTo: number,
  seq: number,
): Work<string> {
  const rows = yield* eventsBetween(context.project, stream.id, after, upTo, limits.batchItems);
  const contents = [];
  for (const row of rows) if (row.seq === seq) contents.push(yield* contentOf(context, stream, row));
  return contentText(contents);
}
