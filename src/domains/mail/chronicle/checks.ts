import { levelOf, sealedByDefault } from '../../../kernel/access/model.ts';
import { isoTime } from '../../../kernel/clock.ts';
import type { ReadContext } from '../../../kernel/context.ts';
import type { Entry } from '../../../kernel/ledger/entry.ts';
import { differing, type StateCheck, type StoredRecord } from '../../../kernel/ledger/state.ts';
import { contentText } from '../events.ts';
import { recordedContent, subjectOf } from './recording.ts';
import { type ChronicleRow, eventsForChecks } from './statements.ts';

const eventsAtOnce = 500;

/** Events of streams that are no mailboxes: each says what its entry committed to, and none is missing. */
export const chronicleChecks: readonly StateCheck[] = [
  {
    kind: 'event',
    complete: true,
    keepsDeleted: false,
    *page(context, after = ['', '', 0]) {
      const [streamType, streamId, sequence] = [String(after[0]), String(after[1]), Number(after[2])];
      const rows = yield* eventsForChecks(
        context.project,
        { streamType, streamId, sequence },
        eventsAtOnce + 1,
      );
      const shown = rows.slice(0, eventsAtOnce);
      const last = shown.at(-1);
      return {
        records: shown.map((row, i) => recordOf(context, row, rows[i + 1])),
        problems: gapsIn(shown, { stream_type: streamType, stream_id: streamId, sequence_number: sequence }),
        next:
          rows.length > eventsAtOnce && last
            ? [last.stream_type, last.stream_id, last.sequence_number]
            : undefined,
      };
    },
  },
];

type Numbered = Pick<ChronicleRow, 'stream_type' | 'stream_id' | 'sequence_number'>;

function sameStream(a: Numbered, b: Numbered): boolean {
  return a.stream_type === b.stream_type && a.stream_id === b.stream_id;
}

function labelOf(row: Numbered): string {
  return `${row.stream_type} stream ${row.stream_id}`;
}

function recordOf(context: ReadContext, row: ChronicleRow, next: ChronicleRow | undefined): StoredRecord {
  return {
    subject: subjectOf(row),
    label: `${labelOf(row)}, event ${row.sequence_number}`,
    seq: row.seq,
    current: !next || !sameStream(row, next),
    // Private contents are sealed, always: in clear, it says that it is gone.
    erased: row.sealed === null && sealedByDefault(levelOf(row.scope)),
    differences: (entry) => differences(row, entry),
    *content() {
      return contentText([yield* recordedContent(context, row)]);
    },
  };
}

function differences(row: ChronicleRow, entry: Entry): string {
  return (
    differing('sequence_number', row.sequence_number, entry.revision?.[1]) +
    differing('author', row.author, entry.actor) +
    differing('recorded_at', row.recorded_at, isoTime(entry.time))
  );
}

function gapsIn(rows: readonly ChronicleRow[], from: Numbered) {
  let before = from;
  return rows.flatMap((row) => {
    const expected = sameStream(row, before) ? before.sequence_number + 1 : 1;
    before = row;
    if (row.sequence_number === expected) return [];
    const message = `event ${expected} is missing before ${row.sequence_number}`;
    return [{ kind: 'state-missing' as const, seq: row.seq, subject: labelOf(row), message }];
  });
}
