import type { z } from 'zod';
import * as messages from '../../../domains/mail/messages/operations.ts';
import { limits } from '../../../kernel/limits.ts';
import { pick } from '../fields.ts';
import { type Message, messageOf } from '../mission-shapes.ts';
import { type As, type Fields, jsonOf } from './calls.ts';

export interface MessageFilter {
  readonly mailbox_id?: string;
  readonly thread_id?: string;
  readonly sender_id?: string;
  readonly status?: string;
  readonly limit?: number;
}

const fieldsOf = {
  mailbox_id: 'mailbox',
  content: 'content',
  message_type: 'type',
  thread_id: 'thread',
  priority: 'priority',
  causation_id: 'causationId',
  correlation_id: 'correlationId',
  metadata: 'metadata',
};

export function messageTable(as: As) {
  const all = async ({
    mailbox_id,
    thread_id,
    sender_id,
    status,
    limit,
  }: MessageFilter = {}): Promise<Message[]> => {
    const found: Message[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const size = Math.min(limits.pageSize, limit === undefined ? limits.pageSize : limit - found.length);
      if (size <= 0) break;
      const filter = { mailbox: mailbox_id, thread: thread_id, sender: sender_id, status };
      const page: z.output<typeof messages.list.output> = await as()(messages.list, {
        ...filter,
        cursor,
        limit: size,
      });
      found.push(...page.messages.map(messageOf));
      cursor = page.nextCursor;
    }
    return found;
  };
  const step = async (operation: typeof messages.markRead, id: string): Promise<Message | null> => {
    const message = await as()(operation, { id });
    return message && messageOf(message);
  };
  const send = async (fields: Fields): Promise<Message> => {
    const { sender_id: sender, content = null, ...rest } = fields;
    const metadata = jsonOf(rest['metadata']);
    const input = { ...pick({ ...rest, metadata }, fieldsOf), content: jsonOf(content) };
    return messageOf(await as(typeof sender === 'string' ? sender : undefined)(messages.send, input));
  };
  return {
    send,
    /** The same under the name that the other tables have for it. */
    create: send,
    async getById(id: string): Promise<Message | null> {
      const message = await as()(messages.get, { id });
      return message && messageOf(message);
    },
    /** In the order in which they were sent. */
    getAll: all,
    getByMailbox: (mailbox_id: string, filter: Omit<MessageFilter, 'mailbox_id'> = {}): Promise<Message[]> =>
      all({ ...filter, mailbox_id }),
    getByThread: (thread_id: string): Promise<Message[]> => all({ thread_id }),
    getPending: (mailbox_id: string): Promise<Message[]> => all({ mailbox_id, status: 'pending' }),
    /** Whether there is such a message. */
    markRead: async (id: string): Promise<boolean> => (await step(messages.markRead, id)) !== null,
    markAcked: async (id: string): Promise<boolean> => (await step(messages.acknowledge, id)) !== null,
    requeue: async (id: string): Promise<boolean> => (await step(messages.requeue, id)) !== null,
  };
}
