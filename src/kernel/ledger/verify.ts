import { isoTime } from '../clock.ts';
import type { ReadContext } from '../context.ts';
import type { Steps } from '../operation.ts';
import { decodeEntry, type Entry } from './entry.ts';
import { Erasures } from './erasures.ts';
import { type FindingKind, Report, type Verified } from './findings.ts';
import { Fold } from './fold.ts';
import { labelColumns, labelsCode, unusedColumns } from './labels.ts';
import { differing, type StateCheck, StateComparison } from './state.ts';
import { type EntryRow, entriesAfter, entryRowsBetween, newestSeq, unsealedCount } from './statements.ts';
import { leafHashText } from './tree.ts';
import { TreeVerification } from './verify-tree.ts';

/** Entries and records read at a time: a few milliseconds, after which others get their turn. */
const pageSize = 1000;

export interface VerifyOptions {
  readonly context: ReadContext;
  /** A signed checkpoint that somebody kept outside the store: what shows a rollback of all of it. */
  readonly remembered?: string | undefined;
  /** Hears how far it is: entries first, then stored records. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

export interface Progress {
  readonly project: string;
  readonly phase: 'entries' | 'records';
  readonly done: number;
  /** Unknown for records. */
  readonly total: number | undefined;
}

/**
 * Verifies one project, page by page up to the size its head has at the start: every entry against its hash, its
 * columns and its neighbours; every kept hash, the head and every signed checkpoint against the entries; then the
 * stored records against what the entries say of them. Writers go on meanwhile.
 */
export function* verifyLedger(options: VerifyOptions): Steps<Verified> {
  const { context, onProgress } = options;
  const { project } = context;
  const { keyring, log, checks } = context.ledger;
  const report = new Report();
  const tree = new TreeVerification({ project, report, log, authenticate: keyring.authenticate });
  const folds = new Map(checks.map((check) => [check.kind, new Fold()]));
  const erasures = new Erasures();
  yield () => tree.begin(options.remembered);
  let more = true;
  while (more) {
    yield function* () {
      const rows = yield* entryRowsBetween(project, tree.position, tree.size, pageSize);
      yield* tree.take(rows, (row) => {
        const entry = readRow(project, row, { report, authenticate: keyring.authenticate });
        report.entries++;
        if (typeof entry?.resource !== 'string') return;
        erasures.see(entry);
        folds.get(kindOf(entry.resource))?.see(entry, erasures.upTo(entry.scope));
      });
      more = rows.length === pageSize;
    };
    onProgress?.({ project, phase: 'entries', done: report.entries, total: tree.size });
  }
  yield function* () {
    yield* tree.end();
    report.unsealed = (yield* unsealedCount(project))?.entries ?? 0;
  };
  const known = { erasures, size: tree.size };
  for (const check of checks) yield* compareState(check, folds.get(check.kind)!, known, report, options);
  return report.result();
}

function* compareState(
  check: StateCheck,
  fold: Fold,
  { erasures, size }: { readonly erasures: Erasures; readonly size: number },
  report: Report,
  { context, onProgress }: VerifyOptions,
): Steps<void> {
  const { project } = context;
  const { keyring } = context.ledger;
  const comparison = new StateComparison({ context, keyring, report, fold, erasures, size });
  let after: Parameters<StateCheck['page']>[1];
  do {
    yield function* () {
      const { records, next, problems = [] } = yield* check.page(context, after);
      for (const problem of problems) report.add({ project, ...problem });
      for (const record of records) yield* comparison.compare(record);
      after = next;
    };
    onProgress?.({ project, phase: 'records', done: report.records, total: undefined });
  } while (after !== undefined);
  if (!check.complete) return;
  yield* forgetNewer(project, fold, erasures, size);
  yield () => comparison.missing(check);
}

/** What was changed since this run began may be gone from where the run looked for it. */
function* forgetNewer(project: string, fold: Fold, erasures: Erasures, size: number): Steps<void> {
  if (fold.unmet().next().done) return;
  let position = size;
  let until = size;
  yield function* () {
    until = (yield* newestSeq(project))?.seq ?? size;
  };
  while (position < until) {
    yield function* () {
      const rows = yield* entriesAfter(project, position, pageSize);
      for (const row of rows) {
        const entry = decodeEntry(row.entry);
        fold.forget(entry.resource);
        erasures.see(entry);
      }
      position = rows.at(-1)?.seq ?? until;
    };
  }
}

/** The entry of a row, after everything that can be said of the row alone. */
function readRow(
  project: string,
  row: EntryRow,
  { report, authenticate }: { report: Report; authenticate: (bytes: Uint8Array) => Uint8Array },
): Entry | undefined {
  const find = (message: string) => {
    const kind: FindingKind = 'entry-changed';
    report.add({ kind, project, seq: row.seq, subject: `entry ${row.seq}`, message });
  };
  if (typeof row.entry !== 'string') return void find('it has no text');
  if (leafHashText(row.entry) !== row.leaf) find('its text and its leaf hash do not belong together');
  let entry: Entry;
  try {
    entry = decodeEntry(row.entry);
  } catch (error) {
    return void find(error instanceof SyntaxError ? 'its text is not JSON' : (error as Error).message);
  }
  const columns = differences(project, row, entry) + differingLabels(row, entry, authenticate);
  if (columns !== '') find(`its text and its columns differ:${columns}`);
  return entry;
}

function differences(project: string, row: EntryRow, entry: Entry): string {
  const time = Number.isSafeInteger(entry.time) ? isoTime(entry.time) : '';
  return (
    differing('project_id', project, entry.log) +
    differing('seq', row.seq, entry.seq) +
    differing('timestamp', row.timestamp, time) +
    differing('agent_id', row.agent_id, entry.actor) +
    differing('operation', row.operation, entry.op) +
    differing('status', row.status, entry.decision === 'allow' ? 'completed' : 'failed') +
    differing('scope', row.scope, entry.scope) +
    differing('duration_ms', row.duration_ms, null) +
    differing('error_message', row.error_message, null) +
    differing('context_json', row.context_json, null) +
    differing('created_at', row.created_at, time)
  );
}

/** Labels are as the entry's code says; an entry without one has none. */
function differingLabels(
  row: EntryRow,
  entry: Entry,
  authenticate: (bytes: Uint8Array) => Uint8Array,
): string {
  const unused = unusedColumns.map((column) => differing(column, row[column], null)).join('');
  if (entry.labels === undefined)
    return unused + labelColumns.map((column) => differing(column, row[column], null)).join('');
  return unused + differing('labels', labelsCode(row, authenticate), entry.labels);
}

function kindOf(resource: string): string {
  return resource.slice(0, resource.indexOf('/'));
}
