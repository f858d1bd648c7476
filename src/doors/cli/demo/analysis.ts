import { hash } from 'node:crypto';
import { type Language, languageOf } from './languages.ts';

/** What a worker finds out about one file. */
export interface Finding {
  readonly file: string;
  readonly language: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly lines: number;
  readonly blank: number;
  readonly comments: number;
  readonly imports: readonly string[];
  /** Of Markdown. */
  readonly headings: readonly string[];
  /** The longest function, where the language has such. */
  readonly longest: { readonly line: number; readonly lines: number } | null;
  /** The file speaks of credentials: what is found about it is not for everybody. */
  readonly sensitive: boolean;
}

const listed = 100;
/** Beyond this, and where there is a NUL byte, a file is counted and hashed but not read as text. */
const textBytes = 4 * 1024 * 1024;

/** Reads one file. Pure: the same bytes under the same name answer the same. */
export function analyse(file: string, content: Buffer): Finding {
  const shared = { file, bytes: content.length, sha256: hash('sha256', content, 'hex') };
  if (content.length > textBytes || content.includes(0)) {
    const nothing = { lines: 0, blank: 0, comments: 0, imports: [], headings: [], longest: null };
    return { ...shared, language: 'Binary', ...nothing, sensitive: false };
  }
  const text = content.toString('utf8');
  const lines = linesOf(text);
  const language = languageOf(file);
  const comments = commentLines(lines, language);
  return {
    ...shared,
    language: language.name,
    lines: lines.length,
    blank: lines.filter((line) => line.trim() === '').length,
    comments: comments.size,
    imports: importsOf(lines, comments, language),
    headings: language.name === 'Markdown' ? headingsOf(lines) : [],
    longest: longestFunction(lines, comments, language),
    sensitive: isSensitive(text),
  };
}

const credentials =
  /\b(?:secrets?|passwords?|passwd|tokens?|api[_-]?keys?|private[_-]?keys?|credentials?)\b/i;

export function isSensitive(text: string): boolean {
  return credentials.test(text);
}

function linesOf(text: string): string[] {
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

/** Indexes of the lines that hold a comment and nothing else. */
function commentLines(lines: readonly string[], { comment = [], block }: Language): ReadonlySet<number> {
  const found = new Set<number>();
  let inside = false;
  lines.forEach((raw, i) => {
    const line = raw.trim();
    const starts = block !== undefined && !inside && line.startsWith(block[0]);
    if (inside || starts || (line !== '' && comment.some((mark) => line.startsWith(mark)))) found.add(i);
    if (block === undefined) return;
    if (starts) inside = !line.slice(block[0].length).includes(block[1]);
    else if (inside && line.includes(block[1])) inside = false;
  });
  return found;
}

function importsOf(lines: readonly string[], comments: ReadonlySet<number>, { imports }: Language): string[] {
  if (!imports) return [];
  const found = new Set<string>();
  lines.forEach((line, i) => {
    const name = comments.has(i)
      ? undefined
      : imports
          .exec(line)
          ?.slice(1)
          .find((group) => group !== undefined);
    if (name !== undefined) found.add(name);
  });
  return [...found].slice(0, listed);
}

/** Headings of the first three levels, without what only looks like one inside fenced code. */
function headingsOf(lines: readonly string[]): string[] {
  const found: string[] = [];
  let fenced = false;
  for (const line of lines) {
    if (/^\s*(?:```|~~~)/.test(line)) fenced = !fenced;
    const heading = fenced ? undefined : /^#{1,3}\s+(.+?)\s*#*$/.exec(line)?.[1];
    if (heading !== undefined) found.push(heading);
  }
  return found.slice(0, listed);
}

function longestFunction(
  lines: readonly string[],
  comments: ReadonlySet<number>,
  { opens, body }: Language,
): Finding['longest'] {
  if (!opens || !body) return null;
  let longest: Finding['longest'] = null;
  lines.forEach((line, start) => {
    if (comments.has(start) || !opens.test(line)) return;
    const end = body === 'braces' ? closingBrace(lines, start) : endOfIndentation(lines, start);
    const length = end - start + 1;
    if (longest === null || length > longest.lines) longest = { line: start + 1, lines: length };
  });
  return longest;
}

/** The line that closes what `start` opens. Braces in texts and comments do not count, as far as one line shows. */
function closingBrace(lines: readonly string[], start: number): number {
  let depth = 0;
  for (let i = start; i < lines.length; i++) {
    const code = lines[i]!.replace(/'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`|\/\/.*$/g, '');
    for (const character of code) {
      if (character === '{') depth += 1;
      if (character === '}') depth -= 1;
    }
    if (depth <= 0) return i;
  }
  return lines.length - 1;
}

function endOfIndentation(lines: readonly string[], start: number): number {
  const depth = indentationOf(lines[start]!);
  let end = start;
  for (let i = start + 1; i < lines.length; i++) {
    if (lines[i]!.trim() === '') continue;
    if (indentationOf(lines[i]!) <= depth) break;
    end = i;
  }
  return end;
}

function indentationOf(line: string): number {
  return line.length - line.trimStart().length;
}
