import { hash } from 'node:crypto';
import { limits } from '../../../kernel/limits.ts';
import type { Rookery, View } from '../../../rookery.ts';
import type { Finding } from './analysis.ts';
import type { Ran } from './conduct.ts';
import { findings, items, keyOf, type Report, reports, reviewer, type Summary, summary } from './protocol.ts';
import { Blobs, type Repository } from './repository.ts';

/** What lies in the store after the run, as far as the checks look at it. */
export interface Evidence extends Ran {
  /** The SHA-256 of each file's content, computed anew, by the key of its finding. */
  readonly contents: ReadonlyMap<string, string>;
  readonly findings: readonly StoredFinding[];
  readonly reports: readonly Report[];
  readonly items: { readonly acked: number; readonly dead: number; readonly open: number };
  readonly summary: Summary | undefined;
  /** Leases that are still in force. */
  readonly locksHeld: number;
  /** How many private findings of others a worker tried to read, and how many it could. */
  readonly spied: { readonly tried: number; readonly read: number };
  readonly audit: Audit;
}

export interface StoredFinding {
  readonly key: string;
  readonly level: string;
  readonly owner: string;
  readonly revision: number;
  readonly sha256: string;
}

export interface Audit {
  readonly ok: boolean;
  readonly entries: number;
  readonly records: number;
  readonly findings: readonly { readonly kind: string; readonly message: string }[];
}

export async function gather(
  rookery: Rookery,
  repository: Repository,
  workers: readonly string[],
  ran: Ran,
): Promise<Evidence> {
  const view = rookery.as(reviewer);
  const stored = [...(await findingsAt(view, 'team')), ...(await findingsAt(view, 'private'))];
  const group = await rookery.mail.group(items);
  const { ready = 0, inflight = 0, acked = 0, dead = 0 } = group ?? {};
  const survivor = workers.find((worker) => !ran.kills.some((kill) => kill.worker === worker))!;
  return {
    ...ran,
    contents: await contentsOf(repository),
    findings: stored,
    reports: await allReports(view),
    items: { acked, dead, open: ready + inflight },
    summary: (await view.memory.get({ ...summary, level: 'project' }))?.value as Summary | undefined,
    locksHeld: await locksHeld(rookery),
    spied: await spy(rookery.as(survivor), stored),
    audit: await rookery.audit.verify(),
  };
}

async function contentsOf({ root, files }: Repository): Promise<Map<string, string>> {
  using blobs = new Blobs(root);
  const contents = new Map<string, string>();
  for (const { file, blob } of files)
    contents.set(keyOf(file), hash('sha256', await blobs.contentOf(blob), 'hex'));
  return contents;
}

/** The findings of one audience, each that there is: a key that exists in two audiences counts twice. */
async function findingsAt({ memory }: View, level: 'team' | 'private'): Promise<StoredFinding[]> {
  const found: StoredFinding[] = [];
  let cursor = '';
  for (;;) {
    const page = await memory.keys({ namespace: findings, level, limit: limits.pageSize, cursor });
    for (const { key, owner, revision } of page.keys) {
      const item = await memory.get({ namespace: findings, key, level });
      const { sha256 = '' } = (item?.value ?? {}) as Partial<Finding>;
      found.push({ key, level, owner, revision, sha256 });
    }
    if (page.nextCursor === null) return found;
    cursor = page.nextCursor;
  }
}

async function allReports({ mail }: View): Promise<Report[]> {
  const found: Report[] = [];
  let after = 0;
  for (;;) {
    const page = await mail.read({ stream: reports.stream, after, limit: limits.pageSize });
    found.push(...(page?.events ?? []).map(({ data }) => data as Report));
    if (!page?.hasMore) return found;
    after = page.next;
  }
}

/**
 * Tries to read the reviewer's private findings as a worker: all but those it wrote itself, which stay readable to their
 * author. Each attempt is a denial in the ledger.
 */
async function spy(worker: View, stored: readonly StoredFinding[]): Promise<Evidence['spied']> {
  let [tried, read] = [0, 0];
  for (const { key, level, owner } of stored) {
    if (level !== 'private' || owner === worker.principal.agent) continue;
    tried += 1;
    const address = { namespace: findings, key, level: 'private' as const, audience: reviewer };
    if ((await worker.memory.get(address)) !== null) read += 1;
  }
  return { tried, read };
}

async function locksHeld({ locks }: Rookery): Promise<number> {
  return (await locks.list({ status: 'active' })).locks.length;
}
