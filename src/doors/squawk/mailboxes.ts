import * as mail from '../../domains/mail/operations.ts';
import { limits } from '../../kernel/limits.ts';
import type { Invoke } from './invoke.ts';
import { type Event, eventOf, type Mailbox, mailboxOf } from './shapes.ts';

/** Reading mailboxes as seed 002 shows them, for the server and for the module. */

/** Events after one position and up to another, in order. With `pagesKept`, the newest pages of them alone. */
export async function eventsBetween(
  invoke: Invoke,
  stream: string,
  between: { readonly after: number; readonly upTo: number; readonly pagesKept?: number },
): Promise<Event[]> {
  const { after, upTo, pagesKept = Number.POSITIVE_INFINITY } = between;
  const pages: Event[][] = [];
  let last = after;
  while (last < upTo) {
    const limit = Math.min(upTo - last, limits.pageSize);
    const page = await invoke(mail.read, { stream, after: last, limit });
    if (!page || page.events.length === 0) break;
    pages.push(page.events.map(eventOf));
    if (pages.length > pagesKept) pages.shift();
    last = page.next;
  }
  return pages.flat();
}

export async function mailbox(invoke: Invoke, id: string): Promise<Mailbox | null> {
  const stream = await invoke(mail.stream, { stream: id });
  return stream && mailboxOf(stream);
}

/** What the fields of an event mean to the operation. What is no record is left for it to refuse. */
export function newEventOf(event: Readonly<Record<string, unknown>>) {
  return {
    type: event['type'],
    data: event['data'],
    causationId: event['causation_id'] ?? undefined,
    correlationId: event['correlation_id'] ?? undefined,
    metadata: event['metadata'] ?? undefined,
  };
}
