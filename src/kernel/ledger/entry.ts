import type { Level } from '../access/model.ts';

/** How much an operation can do harm: shown in audits, never used to decide. */
export const risks = ['low', 'medium', 'high', 'critical'] as const;
export type Risk = (typeof risks)[number];

/** What those wait for who follow the ledger itself: touched by every commit that appended to it. */
export const ledgerTopic = 'audit';

/** What a work tells the ledger about one change, denial or recorded read. */
export interface Change {
  readonly operation: string;
  /** Pseudonym of the thing concerned (see `vault/pseudonym.ts`): the ledger holds no names and no contents. */
  readonly resource: string;
  readonly level: Level;
  readonly scope: string;
  readonly actor: string;
  /** Agent of the token, when it acts for another. */
  readonly via?: string | undefined;
  readonly token?: string | undefined;
  readonly request?: string | undefined;
  readonly decision: 'allow' | 'deny';
  readonly risk: Risk;
  /** Revision before and after; absent where the thing has none. */
  readonly revision?: readonly [before: number, after: number] | undefined;
  /** Salted commitment to the new content. */
  readonly commitment?: string | undefined;
  /** Counts and positions that verification needs; numbers only, so that no content can slip in. */
  readonly facts?: Readonly<Record<string, number>> | undefined;
  readonly labels?: Labels | undefined;
}

/**
 * What plain SQL finds an entry by, in the columns that seed 000 gives `audit_log`. Names in clear and no contents;
 * beside the entry, not in it, and not exported: the entry has a code over them.
 */
export interface Labels {
  readonly action: string;
  readonly category: string;
  readonly entityType: string;
  readonly entityId: string;
  readonly swarm?: string | undefined;
  /** For the column of levels, where that is to say another one than the entry. */
  readonly level?: Level | undefined;
  /** More names, for the column `metadata`. */
  readonly details?: Readonly<Record<string, string | number>> | undefined;
}

/** The members of an entry as hashed. Version 1; a reader refuses a version it does not know. */
export interface Entry {
  readonly actor: string;
  readonly commitment?: string;
  readonly decision: 'allow' | 'deny';
  readonly facts?: Readonly<Record<string, number>>;
  /** Keyed code over the labels beside the entry, see `labels.ts`; absent where it has none. */
  readonly labels?: string;
  readonly level: Level;
  readonly log: string;
  readonly op: string;
  readonly request?: string;
  readonly resource: string;
  readonly revision?: readonly [number, number];
  readonly risk: Risk;
  readonly scope: string;
  readonly seq: number;
  readonly time: number;
  readonly token?: string;
  /** Seq of the first entry of the same operation; absent on that one. What shares it happened together. */
  readonly unit?: number;
  readonly v: 1;
  readonly via?: string;
}

/** Where an entry stands: project, number, store clock, and the number of its operation's first entry. */
export interface Place {
  readonly log: string;
  readonly seq: number;
  readonly time: number;
  readonly unit: number;
}

/**
 * The canonical bytes (RFC 8785) of an entry. Its members are strings, integers and one flat object, and they are
 * listed here in code-unit order, so `JSON.stringify` already yields the canonical form at a fifth of the cost of a
 * general canonicaliser; a property test holds the two equal.
 */
export function encodeEntry(place: Place, change: Change, labels?: string): string {
  const { log, seq, time, unit } = place;
  return JSON.stringify({
    actor: change.actor,
    commitment: change.commitment,
    decision: change.decision,
    facts: change.facts && sortMembers(change.facts),
    labels,
    level: change.level,
    log,
    op: change.operation,
    request: change.request,
    resource: change.resource,
    revision: change.revision,
    risk: change.risk,
    scope: change.scope,
    seq,
    time,
    token: change.token,
    unit: unit === seq ? undefined : unit,
    v: 1,
    via: change.via,
  });
}

function sortMembers(facts: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  const names = Object.keys(facts);
  if (names.every((name, i) => i === 0 || names[i - 1]! < name)) return facts;
  return Object.fromEntries(Object.entries(facts).sort(([a], [b]) => (a < b ? -1 : 1)));
}

export function decodeEntry(text: string): Entry {
  const entry = JSON.parse(text) as Entry;
  if (entry.v !== 1) throw new Error(`ledger entry of unknown version ${String(entry.v)}`);
  return entry;
}
