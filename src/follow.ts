import type { Event } from './domains/mail/model.ts';
import type { View } from './rookery.ts';

export interface FollowOptions {
  readonly stream: string;
  /** The last position that was processed; 0 for the beginning. */
  readonly after?: number;
  /** Ends the following. */
  readonly signal?: AbortSignal;
  /** Most events fetched at a time. */
  readonly limit?: number;
}

/** How long one question waits; the next one follows at once, so this only bounds how long a lost caller is kept. */
const waitMs = 30_000;

/**
 * The events of a stream in order as they come, none missed and none twice, from after a position on for as long as the
 * loop runs. A stream that does not exist yet is waited for; one that is deleted and comes back under its name ends the
 * loop with CURSOR_EXPIRED. The loop asks for more only when it has taken what there was, so a slow reader is never
 * skipped ahead.
 *
 * @example
 * for await (const event of followMail(rookery.as('coder-1'), { stream: 'team/plan', signal })) handle(event);
 */
export async function* followMail(
  view: Pick<View, 'mail'>,
  { stream, after = 0, signal, limit = 100 }: FollowOptions,
): AsyncGenerator<Event, void, void> {
  let position = after;
  let incarnation: number | undefined;
  while (!signal?.aborted) {
    const asked = { stream, after: position, limit, waitMs, incarnation };
    const page = await view.mail.read(asked, signal && { signal });
    if (!page) continue;
    incarnation = page.incarnation;
    for (const event of page.events) {
      if (signal?.aborted) return;
      yield event;
      position = event.position;
    }
  }
}
