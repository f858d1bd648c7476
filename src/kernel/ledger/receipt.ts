import { RookeryError } from '../errors.ts';
import { type Checkpoint, parseCheckpoint } from './checkpoint.ts';
import { decodeBase64, decodeDecimal, decodeText, encodeBase64, malformed } from './encoding.ts';
import { openNote, type Verifier } from './note.ts';
import { verifyInclusion } from './proof.ts';
import { hashLength, leafHash } from './tree.ts';

/**
 * A receipt (c2sp.org/tlog-proof@v1): proves offline that an entry is in the log that a checkpoint names. Together with
 * the entry and the log's verifier key it needs neither the store nor a network.
 */
export interface Receipt {
  readonly index: bigint;
  /** The hashes from the leaf's sibling up. */
  readonly path: readonly Uint8Array[];
  /** The signed checkpoint, as it was issued. */
  readonly checkpoint: string;
}

const header = 'c2sp.org/tlog-proof@v1';
/** A tree of 2^63 leaves is this high. */
const pathLengthMax = 63;

export function formatReceipt({ index, path, checkpoint }: Receipt): string {
  return [header, `index ${index}`, ...path.map(encodeBase64), '', checkpoint].join('\n');
}

/** Reads a receipt strictly: every accepted text is the only one with its meaning, up to the unauthenticated `extra`. */
export function parseReceipt(given: string | Uint8Array): Receipt {
  const text = decodeText('proof', given);
  const end = text.indexOf('\n\n');
  if (end < 0) throw malformed('proof', 'an empty line before the checkpoint');
  const [first, ...lines] = text.slice(0, end).split('\n');
  if (first !== header) throw malformed('proof', `"${header}" as the first line`);
  if (lines[0]?.startsWith('extra ')) decodeBase64('proof extra', lines.shift()!.slice('extra '.length));
  const [indexLine, ...hashes] = lines;
  if (!indexLine?.startsWith('index ')) throw malformed('proof', 'a line "index <decimal>"');
  if (hashes.length > pathLengthMax) throw malformed('proof', `at most ${pathLengthMax} hashes`);
  return {
    index: decodeDecimal('proof index', indexLine.slice('index '.length)),
    path: hashes.map(decodeHash),
    checkpoint: text.slice(end + 2),
  };
}

function decodeHash(line: string): Uint8Array {
  const bytes = decodeBase64('proof hash', line);
  if (bytes.length !== hashLength) throw malformed('proof hash', `${hashLength} bytes`);
  return bytes;
}

/** Whom a reader of receipts trusts. */
export interface Trust {
  /** The log itself. Its key name is the only origin that is accepted. */
  readonly log: Verifier;
  readonly witnesses?: readonly Verifier[];
  /** How many of the witnesses must have cosigned; none when left out. */
  readonly quorum?: number;
}

/** Opens a checkpoint under a trust; throws INVALID_INPUT or TAMPERED. */
export function openCheckpoint(note: string | Uint8Array, trust: Trust): Checkpoint {
  const { log, witnesses = [], quorum = 0 } = trust;
  const { text, signers } = openNote(note, [log, ...witnesses]);
  const checkpoint = parseCheckpoint(text);
  if (checkpoint.origin !== log.name)
    throw new RookeryError('TAMPERED', `the checkpoint is of ${checkpoint.origin}, not of ${log.name}`);
  if (!signers.includes(log))
    throw new RookeryError('TAMPERED', 'the log itself has not signed the checkpoint');
  const cosigned = signers.filter((signer) => signer !== log).length;
  if (cosigned < quorum)
    throw new RookeryError('TAMPERED', `${cosigned} witnesses have cosigned, ${quorum} are needed`);
  return checkpoint;
}

/**
 * Verifies that `entry`, byte for byte, is in the log. Answers where; throws INVALID_INPUT for what is not a receipt
 * and TAMPERED for one that proves nothing.
 */
export function verifyReceipt(
  entry: string | Uint8Array,
  proof: string | Uint8Array,
  trust: Trust,
): { readonly index: bigint; readonly checkpoint: Checkpoint } {
  const { index, path, checkpoint: note } = parseReceipt(proof);
  const checkpoint = openCheckpoint(note, trust);
  const { size, root } = checkpoint;
  if (!verifyInclusion({ index, size, leaf: leafHash(entry), path, root }))
    throw new RookeryError('TAMPERED', 'the entry is not in the log at this place');
  return { index, checkpoint };
}
