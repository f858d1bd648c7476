import type { ReadContext } from '../../kernel/context.ts';
import { decodeEntry } from '../../kernel/ledger/entry.ts';
import { readHead } from '../../kernel/ledger/head.ts';
import { entryAt } from '../../kernel/ledger/statements.ts';
import type { Work } from '../../kernel/work.ts';
import { changedSince, changesBetween } from './overwrites-statements.ts';

/** Looking back for writes that replaced what another agent had written, without a look at it. */

export interface Overwritten {
  readonly agents: readonly [earlier: string, later: string];
  /** `<namespace>/<key>` */
  readonly name: string;
  readonly scope: string;
}

const pageSize = 1000;
/** Entries that one look goes through, the newest ones. */
const entriesMax = 50_000;
/** These replace whatever is there; the others take it into account. */
const blindOperations = new Set(['memory.set', 'memory.mset']);

/**
 * Keys that were written blindly by one agent after another had written them, since a time. Read from the ledger, which
 * is in the order of time and knows who expected what; only where it tells of any are the rows searched for their names.
 */
export function* blindWrites(
  context: ReadContext,
  { since, scopes, limit }: { since: number; scopes: readonly string[]; limit: number },
): Work<Overwritten[]> {
  const collided = yield* collisionsSince(context, since, new Set(scopes));
  if (collided.size === 0) return [];
  const oldest = Math.min(...[...collided.values()].map(({ newest }) => newest));
  const bySeq = new Map([...collided.values()].map((met) => [met.newest, met]));
  const found: Overwritten[] = [];
  for (const { namespace, key, scope, seq } of yield* changedSince(context.project, oldest, entriesMax)) {
    for (const agents of bySeq.get(seq)?.pairs.values() ?? []) {
      if (found.length < limit) found.push({ agents, name: `${namespace}/${key}`, scope });
    }
  }
  return found;
}

interface Collided {
  /** The newest change, which the row names. */
  readonly newest: number;
  readonly pairs: Map<string, Overwritten['agents']>;
}

function* collisionsSince(
  context: ReadContext,
  since: number,
  scopes: ReadonlySet<string>,
): Work<Map<string, Collided>> {
  const size = (yield* readHead(context.project))?.head.frontier.size ?? 0;
  const first = yield* firstSince(context.project, size, since);
  const newest = new Map<string, number>();
  const later = new Map<string, { actor: string; blind: boolean }>();
  const collided = new Map<string, Collided>();
  let looked = 0;
  for (let below = size + 1; looked < entriesMax; ) {
    const rows = yield* changesBetween(context.project, first, below, pageSize);
    for (const { seq, entry: text } of rows) {
      const entry = decodeEntry(text);
      if (entry.revision === undefined || entry.decision !== 'allow' || !scopes.has(entry.scope)) continue;
      const { resource, actor } = entry;
      if (!newest.has(resource)) newest.set(resource, seq);
      const after = later.get(resource);
      if (after?.blind && after.actor !== actor) {
        const met = collided.get(resource) ?? { newest: newest.get(resource)!, pairs: new Map() };
        const pair = [actor, after.actor] as const;
        collided.set(resource, met);
        met.pairs.set(pair.toSorted().join('\n'), pair);
      }
      const blind = blindOperations.has(entry.op) && entry.facts?.['expected'] !== 1;
      later.set(resource, { actor, blind });
    }
    looked += rows.length;
    if (rows.length < pageSize) break;
    below = rows.at(-1)!.seq;
  }
  return collided;
}

/** The number of the first entry since a time: entries are in the order of time. */
function* firstSince(project: string, size: number, since: number): Work<number> {
  let [low, high] = [1, size + 1];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const text = (yield* entryAt(project, middle))?.entry;
    if (text && decodeEntry(text).time >= since) high = middle;
    else low = middle + 1;
  }
  return low;
}
