import { differing, type StateCheck, type StoredRecord } from '../../kernel/ledger/state.ts';
import { contentText, subjectOf, withOthers } from './leases.ts';
import { allLeases, type LockRow } from './statements.ts';

const pageSize = 500;

/** Leases: who holds what under which token until when, and how each ended, are what their entries say. */
export const stateChecks: readonly StateCheck[] = [
  {
    kind: 'lock',
    complete: true,
    keepsDeleted: false,
    *page(context, after = ['']) {
      const firsts = yield* allLeases(context.project, String(after[0]), pageSize);
      return {
        records: firsts.map((first) => recordOf(context.project, first)),
        next: firsts.length === pageSize ? [firsts.at(-1)!.id] : undefined,
      };
    },
  },
];

function recordOf(project: string, first: LockRow): StoredRecord {
  return {
    subject: subjectOf(first.id),
    label: `lock ${first.id} on ${first.normalized_path}`,
    seq: first.seq,
    current: true,
    differences: (entry) => differing('fencing_token', first.fencing_token, entry.facts?.['token']),
    *content() {
      return contentText(yield* withOthers(project, first));
    },
  };
}
