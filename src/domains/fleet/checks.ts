import { allRoles } from '../../kernel/access/role-statements.ts';
import type { StateCheck } from '../../kernel/ledger/state.ts';
import { roleSubject, roleText } from './roles.ts';

const pageSize = 500;

export const stateChecks: readonly StateCheck[] = [
  {
    kind: 'role',
    complete: true,
    keepsDeleted: false,
    *page(context, after = ['']) {
      const rows = yield* allRoles(context.project, String(after[0]), pageSize);
      return {
        records: rows.map((row) => ({
          subject: roleSubject(row.id),
          label: `role ${row.role} of ${row.agent_id} in ${row.swarm_id}`,
          seq: row.seq,
          current: true,
          differences: () => '',
          // biome-ignore lint/correctness/useYield: the row holds it all
          *content() {
            return roleText(row);
          },
        })),
        next: rows.length === pageSize ? [rows.at(-1)!.id] : undefined,
      };
    },
  },
];
