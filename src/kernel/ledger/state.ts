import type { ReadContext, Subject } from '../context.ts';
import { RookeryError } from '../errors.ts';
import type { DataKey } from '../vault/data-key.ts';
import { isErasure } from '../vault/erasure.ts';
import { commitment, type Keyring } from '../vault/keyring.ts';
import type { Parameter, Work } from '../work.ts';
import { decodeEntry, type Entry } from './entry.ts';
import type { Erasures } from './erasures.ts';
import type { FindingKind, Report } from './findings.ts';
import type { Fold, Standing } from './fold.ts';
import { entryAt } from './statements.ts';

/**
 * How a domain lets `audit verify` compare what it stores with the ledger. The kernel knows no domain: each exports its
 * checks, and the composition root hands them to the store.
 */
export interface StateCheck {
  /** Kind of the resources, as `record` was given it. */
  readonly kind: string;
  /** Whether each resource must be found by this check: false for tables of superseded revisions. */
  readonly complete: boolean;
  /** Whether a deleted resource keeps a record. */
  readonly keepsDeleted: boolean;
  /** The next stored records in a fixed order; a position where more may follow. */
  page(context: ReadContext, after: readonly Parameter[] | undefined): Work<RecordPage>;
}

export interface RecordPage {
  readonly records: readonly StoredRecord[];
  readonly next: readonly Parameter[] | undefined;
  /** What is wrong among the records themselves, such as a gap. */
  readonly problems?: readonly {
    readonly kind: FindingKind;
    readonly seq: number | null;
    readonly subject: string;
    readonly message: string;
  }[];
}

/** One record, with the entry that it claims as its own. */
export interface StoredRecord {
  readonly subject: Subject;
  /** Names it to a person. */
  readonly label: string;
  readonly seq: number;
  /** The entry of that number where it was read with the record, see `entryBeside`; else it is looked up. */
  readonly entry?: string | null;
  /** It is the newest of its resource. */
  readonly current: boolean;
  /** An erasure took what it says and left its place: the ledger must tell of it. */
  readonly erased?: boolean;
  /** What does not agree with the entry, see `differing`. `birth` is the entry that made the resource, where known. */
  differences(entry: Entry, birth: Entry | undefined): string;
  /** The content that the entry committed to; undefined where the record holds none. */
  content: (() => Work<string>) | undefined;
}

/** Compares records with entries, over one project. */
export class StateComparison {
  readonly #context: ReadContext;
  readonly #keyring: Keyring;
  readonly #report: Report;
  readonly #fold: Fold;
  readonly #erasures: Erasures;
  /** How many entries the fold has seen: later ones are newer than this run. */
  readonly #size: number;
  readonly #keys = new Map<string, DataKey[]>();
  #pseudonym: ((kind: string, name: string) => string) | undefined;
  #last: { readonly name: string; readonly resource: string | undefined } | undefined;

  constructor(options: {
    context: ReadContext;
    keyring: Keyring;
    report: Report;
    fold: Fold;
    erasures: Erasures;
    size: number;
  }) {
    this.#context = options.context;
    this.#keyring = options.keyring;
    this.#report = options.report;
    this.#fold = options.fold;
    this.#erasures = options.erasures;
    this.#size = options.size;
  }

  *compare(record: StoredRecord): Work<void> {
    this.#report.records++;
    const { project } = this.#context;
    const resource = yield* this.#resourceOf(record.subject);
    const standing = record.current && resource !== undefined ? this.#fold.meet(resource) : undefined;
    const entry = record.entry === undefined ? yield* readEntry(project, record.seq) : decoded(record.entry);
    if (!entry || entry.resource !== resource || entry.scope !== record.subject.scope) {
      return this.#find('state-foreign', record, `entry ${record.seq}, which it names, is not its own`);
    }
    if (standing && standing.seq > record.seq) {
      const message = `its entry is ${record.seq}, the ledger's newest is ${standing.seq}`;
      this.#find('state-rolled-back', record, message);
    }
    const birth = standing && (yield* this.#birth(standing, record.seq));
    const columns = record.differences(entry, birth);
    if (columns !== '') this.#find('state-changed', record, `not as in entry ${record.seq}:${columns}`);
    if (!record.erased) return yield* this.#compareContent(record, entry);
    if (!this.#erasures.cover(entry)) this.#find('state-changed', record, 'erased, and no entry tells of it');
  }

  /** Records of one thing follow each other: its pseudonym is made once. */
  *#resourceOf({ kind, name }: Subject): Work<string | undefined> {
    if (this.#last?.name === name) return this.#last.resource;
    this.#pseudonym ??= yield* this.#keyring.pseudonyms(this.#context.project);
    const resource = this.#pseudonym?.(kind, name);
    this.#last = { name, resource };
    return resource;
  }

  /** Resources that the ledger knows and no record was found of. */
  *missing(check: StateCheck): Work<void> {
    for (const [resource, standing] of this.#fold.unmet()) {
      if (standing.deleted && !check.keepsDeleted) continue;
      const { seq } = standing;
      const entry = yield* readEntry(this.#context.project, seq);
      if (entry && (isErasure(entry) || this.#erasures.cover(entry))) continue;
      const by = entry ? `, changed last by ${entry.actor} (${entry.op})` : '';
      const message = `the ledger knows it${by}, and no record is stored`;
      this.#report.add({
        kind: 'state-missing',
        project: this.#context.project,
        seq,
        subject: resource,
        message,
      });
    }
  }

  /** The entry that made the resource, unless the record is newer than the fold: then it may have been made again. */
  *#birth(standing: Standing, seq: number): Work<Entry | undefined> {
    return seq <= this.#size ? yield* readEntry(this.#context.project, standing.bornSeq) : undefined;
  }

  *#compareContent(record: StoredRecord, entry: Entry): Work<void> {
    if (!record.content || entry.commitment === undefined) {
      if (record.content || entry.commitment !== undefined)
        this.#find('state-changed', record, `entry ${record.seq} and the record do not both have a content`);
      return;
    }
    let content: string;
    try {
      content = yield* record.content();
    } catch (error) {
      if (!(error instanceof RookeryError)) throw error;
      return this.#find('state-unreadable', record, error.message);
    }
    const keys = yield* this.#keysOf(entry.scope);
    if (keys.length === 0) return this.#find('key-missing', record, `no key of ${entry.scope} is left`);
    const revision = entry.revision?.[1] ?? 0;
    if (keys.some((key) => commitment(key, entry.resource, revision, content) === entry.commitment)) return;
    this.#find('state-changed', record, `the content is not the one that entry ${record.seq} committed to`);
  }

  *#keysOf(scope: string): Work<DataKey[]> {
    const known = this.#keys.get(scope);
    if (known) return known;
    const keys = yield* this.#keyring.ofScope(this.#context.project, scope);
    this.#keys.set(scope, keys);
    return keys;
  }

  #find(kind: FindingKind, record: StoredRecord, message: string): void {
    const { project } = this.#context;
    this.#report.add({ kind, project, seq: record.seq, subject: record.label, message });
  }
}

/** The name of a column after a space, unless it agrees. Millions of rows pass here: texts are joined, not lists. */
export function differing(name: string, stored: unknown, sealed: unknown): string {
  return stored === sealed ? '' : ` ${name}`;
}

function* readEntry(project: string, seq: number): Work<Entry | undefined> {
  return decoded((yield* entryAt(project, seq))?.entry ?? null);
}

/** What is not an entry was already found as such. */
function decoded(text: string | null): Entry | undefined {
  if (text === null) return undefined;
  try {
    return decodeEntry(text);
  } catch {
    return undefined;
  }
}
