import { visible } from '../../../kernel/access/statements.ts';
import { change, many, one, type Statement, statement, type Work } from '../../../kernel/work.ts';
import type { Priority, Status } from './model.ts';

export interface MessageRow {
  id: string;
  mailbox_id: string;
  sender_id: string;
  thread_id: string | null;
  message_type: string;
  content: string;
  sealed: Uint8Array | null;
  status: Status;
  priority: Priority;
  sent_at: string;
  read_at: string | null;
  acked_at: string | null;
  causation_id: string | null;
  correlation_id: string | null;
  metadata: string;
  author: string;
  revision: number;
  seq: number;
  made: number;
}

/** A message with what its mailbox says of who may see it. */
export interface PlacedMessage extends MessageRow {
  scope: string;
  owner: string;
}

const own = [
  'id',
  'mailbox_id',
  'sender_id',
  'thread_id',
  'message_type',
  'content',
  'sealed',
  'status',
  'priority',
  'sent_at',
  'read_at',
  'acked_at',
  'causation_id',
  'correlation_id',
  'metadata',
  'author',
  'revision',
  'seq',
  'made',
] as const satisfies (keyof MessageRow)[];

const placed = `
  SELECT ${own.map((column) => `t.${column}`).join(', ')}, m.scope, m.owner
  FROM messages t JOIN mailboxes m ON m.project_id = t.project_id AND m.id = t.mailbox_id
  WHERE t.project_id = $1`;

const selectMessage = statement(`${placed} AND t.id = $2`);
export const messageById = (project: string, id: string) => one<PlacedMessage>(selectMessage, [project, id]);

const insertMessage = statement(
  `INSERT INTO messages (project_id, ${own.join(', ')}) VALUES ($1, ${own.map((_, i) => `$${i + 2}`).join(', ')})`,
);
export const addMessage = (project: string, row: MessageRow) =>
  change(insertMessage, [project, ...own.map((column) => row[column])]);

const updateStatus = statement(`
  UPDATE messages SET status = $3, read_at = $4, acked_at = $5, revision = $6, seq = $7
  WHERE project_id = $1 AND id = $2 AND revision = $6 - 1`);
/** Writes the next revision; 0 rows when the one before is another. */
export const changeMessage = (
  project: string,
  row: Pick<MessageRow, 'id' | 'status' | 'read_at' | 'acked_at' | 'revision' | 'seq'>,
) => change(updateStatus, [project, row.id, row.status, row.read_at, row.acked_at, row.revision, row.seq]);

const selectThread = statement(`
  SELECT 1 AS known FROM messages WHERE project_id = $1 AND thread_id = $2 AND mailbox_id = $3 LIMIT 1`);
/** Whether a mailbox has messages of a thread. */
export function* threadKnown(project: string, thread: string, mailbox: string): Work<boolean> {
  return (yield* one<{ known: number }>(selectThread, [project, thread, mailbox])) !== undefined;
}

const filters = ['mailbox_id', 'thread_id', 'sender_id', 'correlation_id', 'status'] as const;
export type Filter = Partial<Record<(typeof filters)[number], string | undefined>>;

const known = new Map<string, Statement>();
/** By whichever columns are asked for; the LIMIT counts only what the agent may see. */
function listing(columns: readonly string[]): Statement {
  const key = columns.join();
  const found =
    known.get(key) ??
    statement(`
      SELECT * FROM (${placed} AND t.made > $5
        ${columns.map((column, i) => `AND t.${column} = $${i + 7}`).join(' ')}
        AND ${visible('m', 'mail', 'm.id', { agent: 2, act: 3, now: 4 })}
        ORDER BY t.made LIMIT $6) AS found`);
  known.set(key, found);
  return found;
}
/** Messages that the agent may read, in the order in which they were sent. */
export function messagesAfter(
  reader: { readonly project: string; readonly agent: string; readonly now: number },
  filter: Filter,
  after: number,
  limit: number,
): Work<PlacedMessage[]> {
  const asked = filters.filter((column) => filter[column] !== undefined);
  const values = asked.map((column) => filter[column]!);
  const { project, agent, now } = reader;
  return many<PlacedMessage>(listing(asked), [project, agent, 'read', now, after, limit, ...values]);
}

const openOnes = `${placed} AND t.status = 'pending' AND m.scope = 'project'`;
const selectPending = {
  mailbox_id: statement(`${openOnes} AND t.mailbox_id = $2 ORDER BY t.made LIMIT $3`),
  sender_id: statement(`${openOnes} AND t.sender_id = $2 ORDER BY t.made LIMIT $3`),
  correlation_id: statement(`${openOnes} AND t.correlation_id = $2 ORDER BY t.made LIMIT $3`),
};
/** Messages that nobody read yet, of mailboxes that are open to the project. */
export const pendingBy = (
  project: string,
  column: keyof typeof selectPending,
  value: string,
  limit: number,
) => many<PlacedMessage>(selectPending[column], [project, value, limit]);

const selectSent = statement(`${placed} AND t.sender_id = $2 ORDER BY t.id LIMIT $3`);
export const messagesBy = (project: string, sender: string, limit: number) =>
  many<PlacedMessage>(selectSent, [project, sender, limit]);

const deleteMessage = statement('DELETE FROM messages WHERE project_id = $1 AND id = $2');
export const dropMessage = (project: string, id: string) => change(deleteMessage, [project, id]);

const selectPage = statement(`${placed} AND t.id > $2 ORDER BY t.id LIMIT $3`);
/** All messages in order of their ids, for verification. */
export const messagePage = (project: string, after: string, limit: number) =>
  many<PlacedMessage>(selectPage, [project, after, limit]);
