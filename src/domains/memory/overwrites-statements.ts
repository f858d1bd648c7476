import { many, statement } from '../../kernel/work.ts';
import type { ItemRow } from './statements.ts';

const selectChanges = statement(`
  SELECT seq, entry FROM audit_log
  WHERE project_id = $1 AND seq >= $2 AND seq < $3 AND operation >= 'memory.' AND operation < 'memory/'
  ORDER BY seq DESC LIMIT $4`);
/** Entries of memory from one number on and below another, the newest first. */
export const changesBetween = (project: string, from: number, below: number, limit: number) =>
  many<{ seq: number; entry: string }>(selectChanges, [project, from, below, limit]);

// No index: it would make every write slower, for a search that is made where something was found.
const selectChanged = statement(`
  SELECT m.namespace, m.key, m.scope, m.seq FROM memory m
  WHERE m.project_id = $1 AND m.seq >= $2 AND m.deleted = 0 LIMIT $3`);
/** Items whose newest change has this number or a later one. */
export const changedSince = (project: string, seq: number, limit: number) =>
  many<Pick<ItemRow, 'namespace' | 'key' | 'scope' | 'seq'>>(selectChanged, [project, seq, limit]);
