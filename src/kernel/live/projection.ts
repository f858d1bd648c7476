import type { ReadContext, Subject } from '../context.ts';
import type { Entry } from '../ledger/entry.ts';
import type { Parameter, Work } from '../work.ts';
import type { RedisWrite } from './writes.ts';

/**
 * Words. The *relay* carries what the ledger has recorded to Redis, in order. A *pointer* says which thing an entry is
 * about: the entry itself knows only a pseudonym. A *projection* turns a pointer and the thing as it is now into
 * *writes*: hot keys, fields of hashes, and messages on channels. The *feed* is a stream in Redis with the entries
 * as hashed.
 */

/** How one kind of thing is shown in Redis. Only what its audience may see in clear is in clear: see `shownOf`. */
export interface Projection {
  /** Kind of the subjects, as `context.record` was given it. */
  readonly kind: string;
  /**
   * The writes for one entry, from the thing as it is now: it may have changed again since the entry, and be gone. They
   * are applied together with the entry, once and in order; `publish` may come twice when Redis was lost meanwhile. The
   * subject's name is its `pointer`, where `record` was given one.
   */
  commands(context: ReadContext, subject: Subject, entry: Entry): Work<RedisWrite[]>;
  /**
   * The hot keys of what is stored, page by page: asked when Redis turns out to be empty. Leave it out for what only
   * sends messages.
   */
  stored?(context: ReadContext, after: readonly Parameter[] | undefined): Work<ProjectedPage>;
}

export interface ProjectedPage {
  readonly writes: readonly RedisWrite[];
  readonly next: readonly Parameter[] | undefined;
}

/** Where the relay keeps what is its own in Redis: no project's keys lie among those of another. */
export function prefixOf(project: string): string {
  return `rookery:${keyPart(project)}`;
}

/** A part of a key, so that no two things ever share one: `%` and the characters that separate parts are escaped. */
export function keyPart(text: string, separators: ':/' | '/' = ':/'): string {
  const pattern = separators === '/' ? /[%/]/g : /[%:/]/g;
  return text.replace(pattern, (character) => encodeURIComponent(character));
}
