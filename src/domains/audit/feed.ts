import type { ReadContext } from '../../kernel/context.ts';
import { RookeryError } from '../../kernel/errors.ts';
import { decodeEntry } from '../../kernel/ledger/entry.ts';
import { entriesAfter } from '../../kernel/ledger/statements.ts';
import { limits } from '../../kernel/limits.ts';
import type { Work } from '../../kernel/work.ts';
import { type Event, eventOf, type Feed, unitOf } from './model.ts';
import { ledgerSize, visibleEntries } from './statements.ts';

/** How many rows one look passes over, and how often one call looks when it may see nothing of them. */
const windowRows = 10_000;
const windowsMax = 10;
/** Most operations have one or two entries. */
const unitLook = 8;

export interface Following {
  readonly from: number;
  readonly limit: number;
  readonly operation: string;
}

/**
 * The next events after a position. An operation's entries come together or not at all, so a page may be longer than
 * its limit by the rest of the last one. `next` moves past what the reader may not see.
 */
export function* follow(context: ReadContext, { from, limit, operation }: Following): Work<Feed> {
  const { project } = context;
  const identity = yield* context.identity();
  const head = (yield* ledgerSize(project))?.size ?? 0;
  if (from > head)
    throw new RookeryError('CURSOR_AHEAD', `the ledger ends at ${head}, before ${from}`, { from, head });
  if (identity.scopes.length === 0) return { events: [], next: from, head };
  let after = from;
  for (let looks = 0; looks < windowsMax && after < head; looks++) {
    const upTo = Math.min(after + windowRows, head);
    const rows = yield* visibleEntries(project, context, { after, upTo }, operation, limit);
    const events = rows.map((row) => eventOf(decodeEntry(row.entry)));
    const last = events.at(-1);
    if (last) {
      const end = yield* endOfUnit(project, last);
      events.push(...(yield* visibleBetween(context, last.seq, end, operation)));
      return { events, next: rows.length === limit ? end : Math.max(upTo, end), head };
    }
    after = upTo;
  }
  return { events: [], next: after, head };
}

/** The last entry of the operation that an event belongs to. Its entries follow each other without others between. */
function* endOfUnit(project: string, { seq, unit }: Event): Work<number> {
  for (let end = seq; ; ) {
    const rows = yield* entriesAfter(project, end, unitLook);
    for (const row of rows) {
      if (unitOf(decodeEntry(row.entry)) !== unit) return end;
      end = row.seq;
    }
    if (rows.length < unitLook) return end;
  }
}

function* visibleBetween(context: ReadContext, from: number, upTo: number, operation: string): Work<Event[]> {
  const events: Event[] = [];
  for (let after = from; after < upTo; after = events.at(-1)!.seq) {
    const range = { after, upTo };
    const rows = yield* visibleEntries(context.project, context, range, operation, limits.pageSize);
    events.push(...rows.map((row) => eventOf(decodeEntry(row.entry))));
    if (rows.length < limits.pageSize) break;
  }
  return events;
}
