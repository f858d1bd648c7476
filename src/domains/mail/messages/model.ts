import { z } from 'zod';
import * as schema from '../../../kernel/schema.ts';

/**
 * Words. A *message* lies in a mailbox and has its audience: whoever may post there sends, whoever reads it there says
 * so. Messages of one *thread* belong together. The mailbox's own stream tells of each step.
 *
 * States of a message: pending → read → acked; one that was read and not acknowledged goes back to pending when it is
 * queued again, because its reader may have ended before it acted on it.
 */
export const statuses = ['pending', 'read', 'acked'] as const;
export type Status = (typeof statuses)[number];
export const priorities = ['low', 'normal', 'high', 'urgent'] as const;
export type Priority = (typeof priorities)[number];

export const status = z.enum(statuses, `one of ${statuses.join(', ')}`);
export const priority = z.enum(priorities, `one of ${priorities.join(', ')}`);
export const messageId = schema.name.describe('The message');
export const mailboxId = schema.name.describe('The mailbox, made where there is none');

export const message = z.object({
  id: z.string(),
  mailboxId: z.string(),
  senderId: z.string(),
  threadId: z.string().nullable(),
  messageType: z.string(),
  content: z.unknown(),
  status,
  priority,
  sentAt: z.string(),
  readAt: z.string().nullable(),
  ackedAt: z.string().nullable(),
  causationId: z.string().nullable(),
  correlationId: z.string().nullable(),
  metadata: z.record(z.string(), z.unknown()),
});
export type Message = z.output<typeof message>;

/** A step of a message: where it may come from, and what it is called in the mailbox's stream. */
export const steps = {
  read: { from: ['pending'], event: 'squawk_read' },
  acked: { from: ['pending', 'read'], event: 'squawk_acked' },
  pending: { from: ['read'], event: 'squawk_requeued' },
} as const satisfies Record<Status, { from: readonly Status[]; event: string }>;

/** Whether a message takes a step; one that is there already, or past it, stays as it is. */
export function takes(from: Status, to: Status): boolean {
  return (steps[to].from as readonly Status[]).includes(from);
}
