import { RookeryError } from '../errors.ts';
import type { Work } from '../work.ts';
import { formatCheckpoint } from './checkpoint.ts';
import { assertAuthentic, readHead } from './head.ts';
import type { Log } from './log.ts';
import { verifyConsistency } from './proof.ts';
import { addCheckpoint, type CheckpointRow, newestCheckpoint } from './statements.ts';
import { consistencyPath } from './stored.ts';
import { emptyRoot } from './tree.ts';

export interface Signing {
  readonly log: Log;
  readonly authenticate: (bytes: Uint8Array) => Uint8Array;
  readonly now: number;
}

/**
 * Signs the ledger as the last commit left it and keeps the checkpoint. The same size answers the same note. A log
 * never signs what contradicts an earlier checkpoint of its own: if the stored tree does, TAMPERED is thrown instead.
 */
export function* signCheckpoint(project: string, signing: Signing): Work<CheckpointRow> {
  const stored = yield* readHead(project);
  if (stored) assertAuthentic(stored, signing.authenticate);
  const size = stored?.head.frontier.size ?? 0;
  const root = stored?.head.frontier.root() ?? emptyRoot;
  const last = yield* newestCheckpoint(project);
  if (last) yield* assertConsistent(project, last, { size, root });
  if (last?.size === size) return last;
  const origin = signing.log.originOf(project);
  const text = formatCheckpoint({ origin, size: BigInt(size), root });
  const row = { size, root, note: signing.log.sign(project, text), created_at: signing.now };
  yield* addCheckpoint(project, row);
  return row;
}

function* assertConsistent(
  project: string,
  old: Pick<CheckpointRow, 'size' | 'root'>,
  { size, root }: Pick<CheckpointRow, 'size' | 'root'>,
): Work<void> {
  if (old.size === 0) return;
  const path = old.size < size ? yield* consistencyPath(project, old.size, size) : [];
  const proof = { oldSize: BigInt(old.size), size: BigInt(size), path, oldRoot: old.root, root };
  if (verifyConsistency(proof)) return;
  throw new RookeryError(
    'TAMPERED',
    `the ledger of ${size} entries contradicts its signed checkpoint of ${old.size}: run "audit verify"`,
    { size, signedSize: old.size },
  );
}
