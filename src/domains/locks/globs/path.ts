import { invalid } from '../../../kernel/errors.ts';
import { limits } from '../../../kernel/limits.ts';

/**
 * One spelling for each file, found from the text alone, without touching a disk: Unicode NFC, `\` as `/`, repeated and
 * trailing slashes gone, `.` and `..` resolved. Absolute paths stay absolute. Symbolic links and letter case are for
 * the client to resolve, who knows the tree. Idempotent.
 *
 * Refused is what has no single spelling: a relative path that leaves its root, control characters, and a segment that
 * ends in a dot or a space, which some file systems drop without a word.
 */
export function normalizePath(field: string, given: string): string {
  if (given.length <= limits.pathBytes && isPlain(given)) return given;
  if (given === '') throw invalid(field, 'a path, not the empty text');
  if (Buffer.byteLength(given) > limits.pathBytes) throw invalid(field, `at most ${limits.pathBytes} bytes`);
  if (!given.isWellFormed()) throw invalid(field, 'well-formed Unicode');
  if (/[\u0000-\u001f\u007f]/.test(given)) throw invalid(field, 'no control characters');
  const text = given.normalize('NFC').replaceAll('\\', '/');
  const absolute = text.startsWith('/');
  const kept: string[] = [];
  for (const segment of text.split('/')) {
    if (segment === '' || segment === '.') continue;
    if (segment !== '..') kept.push(checkedSegment(field, segment));
    else if (kept.pop() === undefined && !absolute)
      throw invalid(field, 'a path inside its root: this one leaves it by ".."');
  }
  if (kept.length === 0) throw invalid(field, 'a path that names something below its root');
  return (absolute ? '/' : '') + kept.join('/');
}

/** What nearly all paths are: plain ASCII, and normal as it stands. */
function isPlain(text: string): boolean {
  let before = slash;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === slash ? before === slash || before === dot : code === dot ? before === dot : !plain[code])
      return false;
    before = code;
  }
  return before !== slash && before !== dot;
}

const [slash, dot] = [0x2f, 0x2e];
const plain = new Uint8Array(128);
for (const character of 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-@+=')
  plain[character.charCodeAt(0)] = 1;

function checkedSegment(field: string, segment: string): string {
  if (/[. ]$/.test(segment)) {
    throw invalid(field, `no segment that ends in a dot or a space, as ${JSON.stringify(segment)} does`);
  }
  return segment;
}
