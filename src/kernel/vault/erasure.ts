import type { Entry } from '../ledger/entry.ts';

/** What erasures say in the ledger, for those who follow it. */
export const erasing = 'keys.erase';

/**
 * The audience that an entry erased: all that was recorded there up to this entry is gone from the store. Undefined for
 * any other entry, those of single things that went with an erasure included: these are deletions like others.
 */
export function erasedScope(entry: Pick<Entry, 'op' | 'decision' | 'facts' | 'scope'>): string | undefined {
  const erased = entry.op === erasing && entry.decision === 'allow' && entry.facts?.['scope'] === 1;
  return erased ? entry.scope : undefined;
}

/** Whether an entry tells that one thing was erased with all it ever held. */
export function isErasure(entry: Pick<Entry, 'op' | 'decision' | 'facts'>): boolean {
  return entry.op === erasing && entry.decision === 'allow' && entry.facts?.['erased'] === 1;
}
