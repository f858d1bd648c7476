import type { StreamState } from '../../../domains/mail/model.ts';
import * as mail from '../../../domains/mail/operations.ts';
import { limits } from '../../../kernel/limits.ts';
import { mailbox } from '../mailboxes.ts';
import { type Mailbox, mailboxOf } from '../shapes.ts';
import { type As, known } from './calls.ts';

export interface MailboxTimes {
  /** ISO 8601; kept as given. */
  readonly created_at?: string | null | undefined;
  readonly updated_at?: string | null | undefined;
}

const timesOf = ({ created_at, updated_at }: MailboxTimes) => ({
  createdAt: known(created_at),
  updatedAt: known(updated_at),
});

export function mailboxTable(as: As) {
  return {
    /** One that exists is answered as it is. */
    async create({ id, ...times }: { readonly id: string } & MailboxTimes): Promise<Mailbox> {
      return mailboxOf(await as()(mail.create, { stream: id, ...timesOf(times) }));
    },
    getById: (id: string): Promise<Mailbox | null> => mailbox(as(), id),
    /** The newest first. */
    async getAll(): Promise<Mailbox[]> {
      const found: Mailbox[] = [];
      let cursor: string | null = '';
      while (cursor !== null) {
        const page: { streams: StreamState[]; nextCursor: string | null } = await as()(mail.streams, {
          limit: limits.pageSize,
          cursor,
        });
        found.push(...page.streams.map(mailboxOf));
        cursor = page.nextCursor;
      }
      return found.sort((a, b) => Date.parse(b.created_at) - Date.parse(a.created_at));
    },
    /** Moves `updated_at`, unless it is given. */
    async update(id: string, times: MailboxTimes = {}): Promise<Mailbox | null> {
      const stream = await as()(mail.update, { stream: id, ...timesOf(times) });
      return stream && mailboxOf(stream);
    },
    /** With its events and cursors. Whether there was one. */
    async delete(id: string): Promise<boolean> {
      return (await as()(mail.remove, { stream: id })).deleted;
    },
  };
}
