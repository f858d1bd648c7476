import { notPast } from '../../kernel/access/statements.ts';
import { many, one, statement } from '../../kernel/work.ts';

export interface EntryText {
  seq: number;
  entry: string;
}

// What an agent may see of the ledger: entries of the audiences it belongs to, and what it did itself. Filtered before
// it is counted; the upper end bounds how many invisible rows are passed over.
const selectVisible = statement(`
  SELECT a.seq, a.entry FROM audit_log a
  WHERE a.project_id = $1 AND a.seq > $3 AND a.seq <= $4
    AND (a.agent_id = $2 OR a.scope IN (SELECT m.scope FROM memberships m
      WHERE m.project_id = $1 AND m.agent_id = $2 AND ${notPast('m', '$7')}))
    AND ($5 = '' OR a.operation = $5 OR substr(a.operation, 1, length($5) + 1) = $5 || '.')
  ORDER BY a.seq LIMIT $6`);
/** Entries in (after, upTo] that an agent may see, optionally of one operation or noun. */
export const visibleEntries = (
  project: string,
  { agent, now }: { readonly agent: string; readonly now: number },
  range: { after: number; upTo: number },
  operation: string,
  limit: number,
) => many<EntryText>(selectVisible, [project, agent, range.after, range.upTo, operation, limit, now]);

const selectEntry = statement(`
  SELECT a.seq, a.entry, a.scope, a.agent_id FROM audit_log a WHERE a.project_id = $1 AND a.seq = $2`);
export const entryOf = (project: string, seq: number) =>
  one<EntryText & { scope: string; agent_id: string }>(selectEntry, [project, seq]);

const selectSize = statement('SELECT size FROM ledger_heads WHERE project_id = $1');
export const ledgerSize = (project: string) => one<{ size: number }>(selectSize, [project]);
