import { decodeBase64 } from '../../kernel/ledger/encoding.ts';
import { parseVerifierKey } from '../../kernel/ledger/note.ts';
import { verifyConsistency } from '../../kernel/ledger/proof.ts';
import { openCheckpoint, type Trust, verifyReceipt as verifyAgainst } from '../../kernel/ledger/receipt.ts';
import { Frontier, leafHash } from '../../kernel/ledger/tree.ts';

/**
 * The offline verifier: what a third party needs in order to check receipts, exports and the growth of a log, without
 * the store, without a network and without any package. Everything below uses `node:crypto` and nothing else.
 */

/** `valid: false` carries the first reason; malformed input is a reason too, never a crash. */
export type Verdict<Facts> =
  | ({ readonly valid: true } & Facts)
  | { readonly valid: false; readonly reason: string };

/** Whose statements count. */
export interface TrustedKeys {
  /** The log's C2SP verifier key, as `rookery audit key` prints it. */
  readonly verifierKey: string;
  /** Verifier keys of witnesses, and how many of them must have cosigned. */
  readonly witnessKeys?: readonly string[];
  readonly quorum?: number;
}

/**
 * Whether an entry, byte for byte, is in the log (c2sp.org/tlog-proof@v1).
 *
 * @example
 * const verdict = verifyReceipt({ entry, proof, verifierKey });
 * if (verdict.valid) console.log(`entry ${verdict.index + 1n} of ${verdict.size}`);
 */
export function verifyReceipt(
  receipt: { readonly entry: string | Uint8Array; readonly proof: string | Uint8Array } & TrustedKeys,
): Verdict<{ index: bigint; size: bigint; origin: string }> {
  return judged(() => {
    const { index, checkpoint } = verifyAgainst(receipt.entry, receipt.proof, trustOf(receipt));
    return { index, size: checkpoint.size, origin: checkpoint.origin };
  });
}

/**
 * Whether the lines of an export (`{"seq": 1, "entry": "…"}`, without gaps from 1) are what a checkpoint was signed
 * over. Lines past the checkpoint's size are counted and not proven.
 */
export async function verifyExport(
  lines: Iterable<string> | AsyncIterable<string>,
  checkpointNote: string,
  keys: string | TrustedKeys,
): Promise<Verdict<{ entries: number; proven: bigint; origin: string }>> {
  try {
    const trusted = typeof keys === 'string' ? { verifierKey: keys } : keys;
    const { origin, size, root } = openCheckpoint(checkpointNote, trustOf(trusted));
    const tree = new Frontier();
    let found = size === 0n;
    let entries = 0;
    for await (const line of lines) {
      if (line === '') continue;
      tree.append(leafHash(entryOf(line, ++entries)));
      if (BigInt(entries) !== size) continue;
      found = Buffer.compare(tree.root(), root) === 0;
      if (!found)
        return { valid: false, reason: `the first ${size} entries do not add up to the signed root` };
    }
    if (!found) return { valid: false, reason: `${entries} entries, the checkpoint was signed over ${size}` };
    return { valid: true, entries, proven: size, origin };
  } catch (error) {
    return { valid: false, reason: (error as Error).message };
  }
}

function entryOf(line: string, place: number): string {
  const { seq, entry } = JSON.parse(line) as { seq?: unknown; entry?: unknown };
  if (seq !== place || typeof entry !== 'string') throw new Error(`line ${place} is not entry ${place}`);
  if ((JSON.parse(entry) as { seq?: unknown }).seq !== place)
    throw new Error(`entry ${place} says another number of itself`);
  return entry;
}

/** Whether the log of the newer checkpoint only added to that of the older one. */
export function verifyGrowth(
  growth: {
    readonly older: string;
    readonly newer: string;
    /** Hashes in base64, as `audit.consistency` answers them. */
    readonly path: readonly string[];
  } & TrustedKeys,
): Verdict<{ from: bigint; to: bigint; origin: string }> {
  return judged(() => {
    const trust = trustOf(growth);
    const [older, newer] = [openCheckpoint(growth.older, trust), openCheckpoint(growth.newer, trust)];
    const consistent = verifyConsistency({
      oldSize: older.size,
      size: newer.size,
      path: growth.path.map((hash) => decodeBase64('path', hash)),
      oldRoot: older.root,
      root: newer.root,
    });
    if (!consistent) throw new Error('the newer log is not a continuation of the older one');
    return { from: older.size, to: newer.size, origin: newer.origin };
  });
}

function trustOf({ verifierKey, witnessKeys = [], quorum = 0 }: TrustedKeys): Trust {
  const log = parseVerifierKey(verifierKey.trim());
  if (log.type !== 'ed25519') throw new Error('the verifier key is that of a witness, not of a log');
  return { log, witnesses: witnessKeys.map((key) => parseVerifierKey(key.trim())), quorum };
}

function judged<Facts>(verify: () => Facts): Verdict<Facts> {
  try {
    return { valid: true, ...verify() };
  } catch (error) {
    return { valid: false, reason: (error as Error).message };
  }
}
