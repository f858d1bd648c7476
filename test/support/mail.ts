import type { Event } from '../../src/domains/mail/model.ts';
import type { View } from '../../src/rookery.ts';

/** `count` events that say their number, counted from `from`. */
export function notes(count: number, from = 1): { type: string; data: number }[] {
  return Array.from({ length: count }, (_, i) => ({ type: 'note', data: from + i }));
}

/** All events of a stream, page by page, by following `next`. */
export async function allOf(view: Pick<View, 'mail'>, stream: string, limit = 1000): Promise<Event[]> {
  const events: Event[] = [];
  for (let after = 0; ; ) {
    const page = await view.mail.read({ stream, after, limit });
    if (!page) return events;
    events.push(...page.events);
    if (!page.hasMore) return events;
    after = page.next;
  }
}

/** 1, 2, 3 … */
export function counting(to: number, from = 1): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}
