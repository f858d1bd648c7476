import type { WriteContext } from '../../kernel/context.ts';
import type { Work } from '../../kernel/work.ts';
import { inboxOf } from './model.ts';
import { cursorsOfConsumer, streamById } from './statements.ts';

/** How far a reader has come in one stream, and how far there is to go. Positions only: what lies between is mail. */
export interface Unread {
  readonly stream: string;
  readonly position: number;
  readonly head: number;
}

const mostCursors = 1000;

/** The inbox of an agent and every stream in which it has a cursor under its own name, for whoever takes over from it. */
export function* unreadOf({ project }: WriteContext, agent: string): Work<Unread[]> {
  const unread: Unread[] = [];
  const inbox = inboxOf(agent);
  const cursors = yield* cursorsOfConsumer(project, agent, mostCursors);
  const streams = new Map(cursors.map((cursor) => [cursor.stream_id, cursor.position]));
  if (!streams.has(inbox)) streams.set(inbox, 0);
  for (const [stream, position] of streams) {
    const head = (yield* streamById(project, stream))?.head;
    if (head !== undefined && (head > position || stream !== inbox)) unread.push({ stream, position, head });
  }
  return unread;
}
