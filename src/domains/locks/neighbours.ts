import type { Work } from '../../kernel/work.ts';
import type { Kind, Mode } from './model.ts';
import { type WantedRow, wantedAt, wantedBetween } from './queue/statements.ts';
import { type Claim, commonPath, globOf } from './resources.ts';
import { activeAt, activeBetween, afterAll, type LockRow } from './statements.ts';

/** A row that has a path in common with something asked for. Whether the modes conflict is not looked at. */
export interface Neighbour<Row> {
  readonly row: Row;
  readonly theirs: Claim;
  readonly asked: Claim;
  /** A shortest path that belongs to both. */
  readonly witness: string;
}

/** Rows by path: leases, or what waiters want. */
interface Shelf<Row> {
  at(kind: Kind, paths: readonly string[]): Work<Row[]>;
  between(kind: Kind, from: string, to: string): Work<Row[]>;
  claimOf(row: Row): Claim;
}

const modeOf = (shared: number): Mode => (shared === 1 ? 'shared' : 'exclusive');

export function claimOf(row: LockRow): Claim {
  return { kind: row.kind, path: row.normalized_path, mode: modeOf(row.shared) };
}

export function wantedClaim(row: WantedRow): Claim {
  return { kind: row.kind, path: row.path, mode: modeOf(row.shared) };
}

/** Rows of leases that were not ended, some of which may be over. */
export function leasesNear(project: string, asked: readonly Claim[]): Work<Neighbour<LockRow>[]> {
  return near(asked, {
    at: (kind, paths) => activeAt(project, kind, paths),
    between: (kind, from, to) => activeBetween(project, kind, from, to),
    claimOf,
  });
}

/** What waiters up to a tier want. */
export function wantsNear(
  project: string,
  asked: readonly Claim[],
  tier: number,
): Work<Neighbour<WantedRow>[]> {
  return near(asked, {
    at: (kind, paths) => wantedAt(project, kind, paths, tier),
    between: (kind, from, to) => wantedBetween(project, kind, { from, to }, tier),
    claimOf: wantedClaim,
  });
}

/**
 * Every row that has a path in common with any of the claims. Files and names are looked up; patterns are compared, but
 * with files only where these begin as the pattern does.
 */
function* near<Row>(asked: readonly Claim[], shelf: Shelf<Row>): Work<Neighbour<Row>[]> {
  const found: Neighbour<Row>[] = [];
  const compare = (rows: readonly Row[], claims: readonly Claim[]) => {
    for (const row of rows) {
      const theirs = shelf.claimOf(row);
      for (const claim of claims) {
        const witness = commonPath(theirs, claim);
        if (witness !== undefined) found.push({ row, theirs, asked: claim, witness });
      }
    }
  };
  for (const kind of ['file', 'name'] as const) {
    const claims = new Map(asked.filter((claim) => claim.kind === kind).map((claim) => [claim.path, claim]));
    if (claims.size === 0) continue;
    const rows = yield* shelf.at(kind, [...claims.keys()]);
    for (const row of rows) compare([row], [claims.get(shelf.claimOf(row).path)!]);
  }
  const onFiles = asked.filter((claim) => claim.kind !== 'name');
  if (onFiles.length > 0) compare(yield* shelf.between('pattern', '', afterAll), onFiles);
  for (const claim of asked) {
    if (claim.kind !== 'pattern') continue;
    const { prefix } = globOf(claim);
    compare(yield* shelf.between('file', prefix, prefix + afterAll), [claim]);
  }
  return found;
}
