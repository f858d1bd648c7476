/** What verification can find. Each is a contradiction; what is merely unknown is a note. */
export const findingKinds = {
  'head-missing': 'The project has entries and no head.',
  'head-changed': 'The head is not what the last commit authenticated.',
  'head-root': 'The entries do not add up to the root that the head holds.',
  'entry-missing': 'Entries are missing between others, or at the end.',
  'entry-foreign': 'A row stands where the ledger has no entry.',
  'entry-changed': 'An entry, its leaf hash or a column beside it was changed.',
  'tile-changed': 'A kept subtree hash is not that of its entries.',
  'tile-missing': 'A kept subtree hash is missing, or there is one too many.',
  'checkpoint-changed': 'A stored checkpoint is not one that this log has signed.',
  'checkpoint-root': 'The entries do not add up to the root of a signed checkpoint.',
  'checkpoint-ahead': 'The ledger is shorter than a signed checkpoint: it was rolled back.',
  'state-changed': 'A stored record is not what its ledger entry says.',
  'state-foreign': 'A stored record has no entry in the ledger.',
  'state-missing': 'The ledger says that a record exists, and it does not.',
  'state-rolled-back': 'A stored record is older than the ledger says.',
  'state-unreadable': 'A sealed record does not open.',
  'key-missing': 'The key that could check a commitment is gone without a trace.',
} as const;

export type FindingKind = keyof typeof findingKinds;

export interface Finding {
  readonly kind: FindingKind;
  readonly project: string;
  /** The entry concerned, where there is one. */
  readonly seq: number | null;
  /** What is concerned, in words: `entry 7`, `tile 1/3`, `memory default/plan (project)`. */
  readonly subject: string;
  readonly message: string;
}

export interface Verified {
  readonly ok: boolean;
  /** Entries that were verified. */
  readonly entries: number;
  /** Stored records that were compared with their entries. */
  readonly records: number;
  /** Rows of other programs in the audit table: outside every proof, and no failure. */
  readonly unsealed: number;
  readonly findings: Finding[];
  /** Findings beyond the most that are kept. */
  readonly more: number;
}

/** Nobody reads more than this one by one; the count goes on. */
const findingsMax = 10_000;

/** Collects what one run finds. */
export class Report {
  readonly findings: Finding[] = [];
  more = 0;
  entries = 0;
  records = 0;
  unsealed = 0;

  add(finding: Finding): void {
    if (this.findings.length < findingsMax) this.findings.push(finding);
    else this.more++;
  }

  /** Takes over what another run has found. */
  include(other: Verified): void {
    this.entries += other.entries;
    this.records += other.records;
    this.unsealed += other.unsealed;
    this.more += other.more;
    for (const finding of other.findings) this.add(finding);
  }

  result(): Verified {
    const { entries, records, unsealed, findings, more } = this;
    return { ok: findings.length === 0, entries, records, unsealed, findings, more };
  }
}
