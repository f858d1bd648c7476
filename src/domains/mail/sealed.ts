import type { WriteContext } from '../../kernel/context.ts';
import type { ErasedSubject, Erasure, SealedRow, SealedTable } from '../../kernel/vault/sealed.ts';
import type { Work } from '../../kernel/work.ts';
import * as chronicle from './chronicle/recording.ts';
import { blankEvents } from './chronicle/statements.ts';
import { bindingOf } from './events.ts';
import { reasonBinding } from './groups/groups.ts';
import * as messages from './messages/messages.ts';
import { dropMessage, messagesBy } from './messages/statements.ts';
import { dropStream, streamsOf } from './statements.ts';
import { subjectOf, topicOf } from './streams.ts';

const stream = 'LEFT JOIN mailboxes s ON s.project_id = t.project_id AND s.id =';

/** Events, of mailboxes and of other things, and why events became dead letters. */
export const sealedTables: readonly SealedTable[] = [
  {
    table: 'events',
    column: 'sealed',
    key: { id: '' },
    columns: {
      mailbox_id: 't.mailbox_id',
      incarnation: 's.incarnation',
      stream_type: 't.stream_type',
      stream_id: 't.stream_id',
      scope: 'COALESCE(s.scope, t.scope)',
      position: 't.sequence_number',
    },
    join: `${stream} t.mailbox_id`,
    binding: (row) =>
      row['mailbox_id'] === null
        ? chronicle.bindingOf(recordedIn(row), Number(row['position']))
        : bindingOf(streamIn(row), Number(row['position'])),
  },
  {
    table: 'mail_deliveries',
    column: 'sealed',
    key: { stream_id: '', group_id: '', position: 0 },
    columns: { incarnation: 's.incarnation', scope: 's.scope' },
    join: `${stream} t.stream_id`,
    binding: (row) => reasonBinding(streamIn(row), String(row['group_id']), Number(row['position'])),
  },
  {
    table: 'messages',
    column: 'sealed',
    key: { id: '' },
    columns: { scope: 's.scope' },
    join: `${stream} t.mailbox_id`,
    binding: (row) => messages.bindingOf({ id: String(row['id']), scope: String(row['scope']) }),
  },
];

function streamIn(row: SealedRow) {
  const [id, scope] = [String(row['stream_id']), String(row['scope'])];
  return { id, scope, incarnation: Number(row['incarnation']) };
}

function recordedIn(row: SealedRow) {
  const [stream_type, stream_id] = [String(row['stream_type']), String(row['stream_id'])];
  return { stream_type, stream_id, scope: String(row['scope']) };
}

/**
 * Streams that only the subject reads, its inbox among them, and those it made for others, when all it owns is to go.
 * Other events stand numbered among those of other audiences: they keep their places and say nothing any more.
 */
export const erasures: readonly Erasure[] = [
  {
    noun: 'mail',
    *erase(context, subject) {
      let erased = 0;
      for (const scope of subject.scopes) {
        erased += yield* blankEvents(context.project, scope);
        erased += yield* eraseStreams(context, { scope, owner: '' }, false);
      }
      return erased + (subject.owned ? yield* eraseOwned(context, subject) : 0);
    },
  },
];

/** A stream is one thing: what others appended to it goes with it, as when it is deleted. */
function* eraseOwned(context: WriteContext, { agent }: ErasedSubject): Work<number> {
  const erased = yield* eraseStreams(context, { scope: '', owner: agent }, true);
  return erased + (yield* eraseMessages(context, agent));
}

/** What the subject wrote to others, from their mailboxes. */
function* eraseMessages(context: WriteContext, sender: string): Work<number> {
  for (let erased = 0; ; ) {
    const rows = yield* messagesBy(context.project, sender, pageSize);
    for (const row of rows) {
      const facts = { deleted: 1, erased: 1 };
      yield* context.record(messages.subjectOf(row), { revision: [row.revision, row.revision], facts });
      yield* dropMessage(context.project, row.id);
    }
    erased += rows.length;
    if (rows.length < pageSize) return erased;
  }
}

const pageSize = 500;

function* eraseStreams(
  context: WriteContext,
  which: { readonly scope: string; readonly owner: string },
  eachRecorded: boolean,
): Work<number> {
  let erased = 0;
  for (;;) {
    const rows = yield* streamsOf(context.project, which, pageSize);
    for (const { id, head, scope } of rows) {
      yield* dropStream(context.project, id);
      const facts = { deleted: 1, erased: 1 };
      if (eachRecorded) yield* context.record(subjectOf(id, scope), { revision: [head, head], facts });
      context.tx.touch(topicOf(id));
      erased += 1 + head;
    }
    if (rows.length < pageSize) return erased;
  }
}
