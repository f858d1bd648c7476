import { scopes } from '../../../kernel/access/model.ts';
import type { ReadContext, Subject } from '../../../kernel/context.ts';
import type { Erasure, SealedTable } from '../../../kernel/vault/sealed.ts';
import type { Work } from '../../../kernel/work.ts';
import { dropNotes, type NotesRow } from './handoff-statements.ts';

/** Notes of an agent for its successor: sealed in its own scope, opened for the one who claims what it left behind. */

export function notesBinding(agent: string, revision: number) {
  return { table: 'agent_notes', record: agent, scope: scopes.private(agent), revision };
}

export function notesSubject(agent: string): Subject {
  return { kind: 'notes', name: agent, scope: scopes.private(agent) };
}

export function notesText(context: ReadContext, row: NotesRow): Work<string> {
  return context.open({ value: null, sealed: row.sealed }, notesBinding(row.agent_id, row.revision));
}

export const sealedTables: readonly SealedTable[] = [
  {
    table: 'agent_notes',
    column: 'sealed',
    key: { agent_id: '' },
    columns: { revision: 't.revision' },
    binding: (row) => notesBinding(String(row['agent_id']), Number(row['revision'])),
  },
];

export const erasures: readonly Erasure[] = [
  {
    noun: 'notes',
    *erase(context, subject) {
      if (!subject.scopes.includes(scopes.private(subject.agent))) return 0;
      return yield* dropNotes(context.project, subject.agent);
    },
  },
];
