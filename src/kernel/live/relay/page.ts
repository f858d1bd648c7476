import { rights } from '../../access/model.ts';
import { ReadContext, type Services } from '../../context.ts';
import { decodeEntry } from '../../ledger/entry.ts';
import type { Parameter, Work } from '../../work.ts';
import type { Projection, RedisWrite } from '../projection.ts';
import type { RedisParameter } from '../redis.ts';
import { entriesWithPointers, progressOf } from './statements.ts';

/** One page of the ledger, as the script `push` takes it. */
export interface Page {
  /** Sequence number of the newest entry there is. */
  readonly head: number;
  /** The relay's stored position. */
  readonly stored: number;
  /** Sequence number of the last entry on the page; undefined for an empty one. */
  readonly last: number | undefined;
  readonly parameters: RedisParameter[];
}

/** One page of what is stored of a kind, as the script `fill` takes it. */
export interface StoredPage {
  readonly parameters: RedisParameter[];
  readonly writes: number;
  readonly next: readonly Parameter[] | undefined;
}

const entriesPerPage = 512;
/** A page ends early when it holds so much, and has at least one entry. */
const pageCharacters = 1024 * 1024;

/** Reads pages in the name of the relay: it belongs to no audience and opens nothing that is encrypted. */
export class Reader {
  readonly #project: string;
  readonly #services: Services;
  readonly #projections: ReadonlyMap<string, Projection>;

  constructor(project: string, services: Services, projections: ReadonlyMap<string, Projection>) {
    this.#project = project;
    this.#services = services;
    this.#projections = projections;
  }

  *page(after: number, now: number): Work<Page> {
    const { size = 0, position = 0 } = (yield* progressOf(this.#project)) ?? {};
    const rows = yield* entriesWithPointers(this.#project, after, entriesPerPage);
    const context = this.#context(now);
    const parameters: RedisParameter[] = [];
    let characters = 0;
    let last: number | undefined;
    for (const { seq, entry, kind, name, scope } of rows) {
      const projection = kind === null ? undefined : this.#projections.get(kind);
      const writes = projection
        ? yield* projection.commands(context, { kind: kind!, name: name!, scope: scope! }, decodeEntry(entry))
        : [];
      parameters.push(seq, entry, writes.length);
      characters += entry.length + appendWrites(parameters, writes);
      last = seq;
      if (characters > pageCharacters) break;
    }
    return { head: size, stored: position ?? 0, last, parameters };
  }

  *stored(kind: string, after: readonly Parameter[] | undefined, now: number): Work<StoredPage> {
    const page = yield* this.#projections.get(kind)!.stored!(this.#context(now), after);
    const parameters: RedisParameter[] = [];
    appendWrites(parameters, page.writes);
    return { parameters, writes: page.writes.length, next: page.next };
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
  }
}
