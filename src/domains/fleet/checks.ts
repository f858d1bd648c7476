import { allRoles } from '../../kernel/access/role-statements.ts';
import type { ReadContext, Subject } from '../../kernel/context.ts';
import { differing, type StateCheck, type StoredRecord } from '../../kernel/ledger/state.ts';
import type { Work } from '../../kernel/work.ts';
import { coordinatorText } from './coordinators/model.ts';
import { coordinatorSubject } from './coordinators/posts.ts';
import { allWork, coordinatorsAfter } from './coordinators/statements.ts';
import { workSubject, workText } from './coordinators/work.ts';
import { allHandoffs, notesAfter } from './lives/handoff-statements.ts';
import { handoffSubject, handoffText } from './lives/lives.ts';
import { notesSubject, notesText } from './lives/notes.ts';
import { performanceSubject, performanceText, shownText } from './lives/performance.ts';
import { performanceAfter, type ShownPerformance } from './lives/performance-statements.ts';
import { permissionsAfter } from './rights/permission-statements.ts';
import { permissionSubject, permissionText } from './rights/permissions.ts';
import { roleSubject, roleText } from './rights/roles.ts';

const pageSize = 500;

/** How one table is compared: its rows by their key, whose entry each claims, and the text that it committed to. */
interface Compared<Row extends { seq: number }> {
  readonly kind: string;
  page(project: string, after: string, limit: number): Work<Row[]>;
  key(row: Row): string;
  subject(row: Row): Subject;
  label(row: Row): string;
  text(row: Row, context: ReadContext): string | Work<string>;
  readonly differences?: (row: Row, entry: Parameters<StoredRecord['differences']>[0]) => string;
}

function checkOf<Row extends { seq: number }>(compared: Compared<Row>): StateCheck {
  return {
    kind: compared.kind,
    complete: true,
    keepsDeleted: false,
    *page(context, after = ['']) {
      const rows = yield* compared.page(context.project, String(after[0]), pageSize);
      return {
        records: rows.map((row) => ({
          subject: compared.subject(row),
          label: compared.label(row),
          seq: row.seq,
          current: true,
          differences: (entry) => compared.differences?.(row, entry) ?? '',
          *content() {
            const text = compared.text(row, context);
            return typeof text === 'string' ? text : yield* text;
          },
        })),
        next: rows.length === pageSize ? [compared.key(rows.at(-1)!)] : undefined,
      };
    },
  };
}

/** Who was appointed to what, what lives left behind, coordinators and their work, permissions, figures and notes. */
export const stateChecks: readonly StateCheck[] = [
  checkOf({
    kind: 'role',
    page: allRoles,
    key: (row) => row.id,
    subject: (row) => roleSubject(row.id),
    label: (row) => `role ${row.role} of ${row.agent_id} in ${row.swarm_id}`,
    text: roleText,
  }),
  checkOf({
    kind: 'handoff',
    page: allHandoffs,
    key: (row) => row.id,
    subject: (row) => handoffSubject(row.id),
    label: (row) => `handoff of ${row.agent_id}, life ${row.incarnation}`,
    text: handoffText,
  }),
  checkOf({
    kind: 'coordinator',
    page: (project, after, limit) => coordinatorsAfter(project, after, { status: '', swarm: '' }, limit),
    key: (row) => row.id,
    subject: (row) => coordinatorSubject(row.id),
    label: (row) => `coordinator ${row.id}`,
    text: coordinatorText,
    differences: (row, entry) => differing('fencing_token', row.fencing_token, entry.facts?.['token']),
  }),
  checkOf({
    kind: 'coordinator-work',
    page: allWork,
    key: (row) => row.id,
    subject: (row) => workSubject(row.id),
    label: (row) => `work ${row.item} of coordinator ${row.coordinator_id}`,
    text: workText,
  }),
  checkOf({
    kind: 'permission',
    page: (project, after, limit) => permissionsAfter(project, after, '', limit),
    key: (row) => row.id,
    subject: (row) => permissionSubject(row.id),
    label: (row) => `permission ${row.id} of ${row.agent_id}`,
    text: permissionText,
  }),
  checkOf<ShownPerformance>({
    kind: 'performance',
    page: performanceAfter,
    key: (row) => row.agent_id,
    subject: (row) => performanceSubject(row.agent_id),
    label: (row) => `figures of ${row.agent_id}`,
    text: performanceText,
    differences: (row) => differing('performance_metrics', row.shown ?? shownText(row), shownText(row)),
  }),
  checkOf({
    kind: 'notes',
    page: notesAfter,
    key: (row) => row.agent_id,
    subject: (row) => notesSubject(row.agent_id),
    label: (row) => `notes of ${row.agent_id}`,
    text: (row, context) => notesText(context, row),
    differences: (row, entry) => differing('revision', row.revision, entry.revision?.[1]),
  }),
];
