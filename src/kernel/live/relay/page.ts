import { rights } from '../../access/model.ts';
import { ReadContext, type Services } from '../../context.ts';
import { decodeEntry } from '../../ledger/entry.ts';
import { entriesAfter } from '../../ledger/statements.ts';
import type { Parameter, Work } from '../../work.ts';
import type { Projection } from '../projection.ts';
import type { RedisParameter } from '../redis.ts';
import type { RedisWrite } from '../writes.ts';
import type { Outgoing } from './handover.ts';
import type { Pointer } from './outbox.ts';
import { pointersBetween, progressOf } from './statements.ts';

/** One page of the ledger, as the script `push` takes it. */
export interface Page {
  /** Sequence number of the last entry on the page; undefined for an empty one. */
  readonly last: number | undefined;
  readonly parameters: RedisParameter[];
  /** After it, all hot keys are to be written anew. */
  readonly refill: boolean;
}

/** A page as it was read, with what the store said beside it. */
export interface ReadPage extends Page {
  /** Sequence number of the newest entry there is. */
  readonly head: number;
  /** The relay's stored position. */
  readonly stored: number;
}

/** One page of what is stored of a kind, as the script `fill` takes it. */
export interface StoredPage {
  readonly parameters: RedisParameter[];
  readonly writes: number;
  readonly next: readonly Parameter[] | undefined;
}

export const entriesPerPage = 512;
/** A page ends early when it holds so much, and has at least one entry. */
const pageCharacters = 1024 * 1024;

/** Makes pages in the name of the relay: it belongs to no audience and opens nothing that is encrypted. */
export class Reader {
  readonly #project: string;
  readonly #services: Services;
  readonly #projections: ReadonlyMap<string, readonly Projection[]>;

  constructor(project: string, services: Services, projections: ReadonlyMap<string, readonly Projection[]>) {
    this.#project = project;
    this.#services = services;
    this.#projections = projections;
  }

  /** The next entries from the store. */
  *page(after: number, now: number): Work<ReadPage> {
    const { size = 0, position = 0 } = (yield* progressOf(this.#project)) ?? {};
    const rows = yield* entriesAfter(this.#project, after, entriesPerPage);
    const upTo = rows.at(-1)?.seq ?? after;
    const pointers = upTo > after ? yield* this.#pointers(after, upTo) : new Map();
    const entries = rows.map(({ seq, entry }): Outgoing => {
      return { seq, text: entry, subject: pointers.get(seq), writes: undefined };
    });
    return { head: size, stored: position ?? 0, ...(yield* this.pageOf(entries, now)) };
  }

  /** Whether the store has to be asked for what these entries change in Redis. */
  asks(entries: readonly Outgoing[]): boolean {
    return entries.some(({ subject, writes }) => !writes && subject && this.#projections.has(subject.kind));
  }

  *pageOf(entries: readonly Outgoing[], now: number): Work<Page> {
    const parameters: RedisParameter[] = [];
    let characters = 0;
    let refill = false;
    let last: number | undefined;
    for (const entry of entries) {
      const writes = entry.writes ?? (yield* this.#writesOf(entry, now));
      parameters.push(entry.seq, entry.text, writes.length);
      characters += entry.text.length + appendWrites(parameters, writes);
      refill ||= writes.some(({ type }) => type === 'refill');
      last = entry.seq;
      if (characters > pageCharacters) break;
    }
    return { last, parameters, refill };
  }

  /** One page of what is stored of a kind. */
  *stored(
    projection: Pick<Required<Projection>, 'stored'>,
    after: readonly Parameter[] | undefined,
    now: number,
  ): Work<StoredPage> {
    const page = yield* projection.stored(this.#context(now), after);
    const parameters: RedisParameter[] = [];
    appendWrites(parameters, page.writes);
    return { parameters, writes: page.writes.length, next: page.next };
  }

  *#writesOf({ subject, text }: Outgoing, now: number): Work<readonly RedisWrite[]> {
    const projections = subject && this.#projections.get(subject.kind);
    if (!projections) return [];
    const pointed = { ...subject, name: subject.pointer ?? subject.name };
    const entry = decodeEntry(text);
    const context = this.#context(now);
    const writes: RedisWrite[] = [];
    for (const projection of projections)
      writes.push(...(yield* projection.commands(context, pointed, entry)));
    return writes;
  }

  *#pointers(after: number, upTo: number): Work<Map<number, Outgoing['subject']>> {
    const rows = yield* pointersBetween(this.#project, after, upTo);
    const pointers = rows.flatMap(({ subjects }) => JSON.parse(subjects) as Pointer[]);
    return new Map(pointers.map(([seq, kind, name, scope]) => [seq, { kind, name, scope }]));
  }

  #context(now: number): ReadContext {
    const principal = { project: this.#project, agent: 'relay', rights: new Set(rights) };
    return new ReadContext({ principal, operation: 'live.relay', risk: 'low' }, now, this.#services);
  }
}

/** Six parameters a write; answers how many characters of content they hold. */
function appendWrites(parameters: RedisParameter[], writes: readonly RedisWrite[]): number {
  let characters = 0;
  for (const write of writes) {
    const [key, detail, value, note] = partsOf(write);
    parameters.push(write.type, key, detail, 'version' in write ? write.version : 0, value, note);
    characters += value.length;
  }
  return characters;
}

function partsOf(write: RedisWrite): [key: string, detail: string | number, value: string, note: string] {
  switch (write.type) {
    case 'set':
      return [write.key, write.ttlMs == null ? '' : Math.max(1, write.ttlMs), write.value, write.note ?? ''];
    case 'setField':
      return [write.key, write.field, write.value, ''];
    case 'deleteField':
      return [write.key, write.field, '', ''];
    case 'delete':
      return [write.key, '', '', ''];
    case 'publish':
      return [write.channel, '', write.message, ''];
    case 'refill':
      return ['', '', '', ''];
  }
}
