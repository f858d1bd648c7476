import type { WriteContext } from '../context.ts';
import type { Parameter, Work } from '../work.ts';
import type { Binding } from './envelope.ts';

/** A row as a sealed table's statements answer it, by the names that the table gives its columns. */
export type SealedRow = Readonly<Record<string, string | number | Uint8Array | null>>;

/**
 * A column of envelopes, told so that key rotation can find, open, seal and replace each one. Every column that
 * `context.seal` fills is declared once, beside the table's own statements, and listed in `src/sealed.ts`; what is not
 * listed stays under old keys and keeps them from being retired, so a test compares the list with the schema.
 */
export interface SealedTable {
  readonly table: string;
  /** The column that holds the envelope. */
  readonly column: string;
  /**
   * The columns that together with `project_id` make one row, in the order of an index, each with a value below all that
   * is stored: where a scan starts.
   */
  readonly key: Readonly<Record<string, string | number>>;
  /** What else the binding is made of: a name, and an SQL expression in which `t` is the table. */
  readonly columns?: Readonly<Record<string, string>>;
  /** Joins those expressions need, after `FROM <table> t`. */
  readonly join?: string;
  /** Exactly what `context.seal` was given for the row. */
  binding(row: SealedRow): Omit<Binding, 'project'>;
}

/** Whose traces an erasure removes. */
export interface ErasedSubject {
  readonly agent: string;
  /** The subject's own audiences. Their keys are destroyed, and an entry of the ledger tells of each. */
  readonly scopes: readonly string[];
  /** Also what the subject owns in wider audiences. */
  readonly owned: boolean;
  /** A relay shows the project elsewhere: what has a copy there needs an entry of its own, which takes it away. */
  readonly relayed: boolean;
}

/**
 * What a domain removes for an erasure, inside its one transaction. Rows of `subject.scopes` are deleted without a word
 * to the ledger: the erasure's entry for the scope speaks for all that is older. Of each thing that the subject owns
 * elsewhere (when `subject.owned`), and of each that a projection shows (when `subject.relayed`), the domain records its
 * own entry, with `facts: { deleted: 1, erased: 1 }` and the revision it had. Verification takes either for the reason why a record is gone, and nothing else.
 */
export interface Erasure {
  /** Names the count in the receipt: `memory`, `mail`. */
  readonly noun: string;
  /** Deletes; answers how many records that were. */
  erase(context: WriteContext, subject: ErasedSubject): Work<number>;
}

/** The row's place in the order of a scan. */
export function placeOf(table: SealedTable, row: SealedRow): Parameter[] {
  return Object.keys(table.key).map((name) => row[name]!);
}

/** The first position of a scan. */
export function beginningOf(table: SealedTable): readonly Parameter[] {
  return Object.values(table.key);
}
