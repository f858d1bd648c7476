import { invalid, RookeryError } from '../../../kernel/errors.ts';
import { limits } from '../../../kernel/limits.ts';
import { anyCharacter, type Characters, intersection, single, union, without } from './characters.ts';

/**
 * The grammar of patterns, closed: what is not listed is refused, with its column.
 *
 *     pattern  = ["/"] segment *("/" segment) ["/"]      a trailing "/" means "/**"
 *     segment  = "**" | 1*piece                          "**": any number of segments, also none
 *     piece    = "*" | one | "{" 1*part *("," 1*part) "}"
 *     part     = "*" | one
 *     one      = literal | "?" | "[" ["!"] 1*(literal | literal "-" literal) "]" | "\" literal
 *
 * `*`, `?` and classes never match a slash. A pattern is normalised as a path is, but `..` is refused and `\` escapes.
 */
export type Segment = typeof anySegments | readonly Piece[];
export type Piece =
  | { readonly type: 'one'; readonly characters: Characters; readonly text: string }
  | { readonly type: 'run' }
  | { readonly type: 'group'; readonly alternatives: readonly (readonly Piece[])[] };

export const anySegments = '**';

export interface Pattern {
  readonly absolute: boolean;
  readonly segments: readonly Segment[];
}

/** Parses and checks every limit. `field` names the input in errors. */
export function parsePattern(field: string, given: string): Pattern {
  if (given === '') throw invalid(field, 'a pattern, not the empty text');
  if (!given.isWellFormed()) throw invalid(field, 'well-formed Unicode');
  checkSize(field, given);
  const reader = new Reader(field, given.normalize('NFC'));
  const pattern = reader.pattern();
  checkSize(field, patternText(pattern));
  checkCounts(field, pattern);
  return pattern;
}

/** The one spelling of a pattern; parsing it gives the same pattern. */
export function patternText({ absolute, segments }: Pattern): string {
  const texts = segments.map((segment) => (segment === anySegments ? segment : piecesText(segment)));
  return (absolute ? '/' : '') + texts.join('/');
}

function piecesText(pieces: readonly Piece[]): string {
  return pieces
    .map((piece) => {
      if (piece.type === 'run') return '*';
      if (piece.type === 'one') return piece.text;
      return `{${piece.alternatives.map(piecesText).join(',')}}`;
    })
    .join('');
}

function checkSize(field: string, text: string): void {
  if (Buffer.byteLength(text) > limits.patternBytes) throw tooComplex(field, `${limits.patternBytes} bytes`);
}

function checkCounts(field: string, { segments }: Pattern): void {
  let wildcards = 0;
  let alternatives = 1;
  const count = (pieces: readonly Piece[]): void => {
    for (const piece of pieces) {
      if (piece.type === 'group') {
        alternatives *= piece.alternatives.length;
        piece.alternatives.forEach(count);
      } else if (piece.type === 'run' || piece.text === '?' || piece.text.startsWith('[')) wildcards++;
    }
  };
  for (const segment of segments) {
    if (segment === anySegments) wildcards++;
    else count(segment);
  }
  if (wildcards > limits.patternWildcards) throw tooComplex(field, `${limits.patternWildcards} wildcards`);
  if (alternatives > limits.patternAlternatives)
    throw tooComplex(field, `${limits.patternAlternatives} alternatives once its braces are expanded`);
}

function tooComplex(field: string, most: string): RookeryError {
  return new RookeryError('PATTERN_TOO_COMPLEX', `${field}: a pattern of at most ${most}`, { field, most });
}

const special = new Set('*?[]{}\\');

/** Reads a pattern text from left to right. */
class Reader {
  readonly #field: string;
  readonly #text: readonly string[];
  #at = 0;

  constructor(field: string, text: string) {
    this.#field = field;
    this.#text = [...text];
  }

  pattern(): Pattern {
    const absolute = this.#text[0] === '/';
    const segments: Segment[] = [];
    while (this.#at < this.#text.length) {
      const start = this.#at;
      const segment = this.#segment();
      const redundant = segment === anySegments && segments.at(-1) === anySegments;
      if (!redundant && !isEmpty(segment)) segments.push(this.#checked(segment, start));
      // Stands on a slash, or at the end.
      this.#at++;
    }
    if (this.#text.at(-1) === '/' && segments.at(-1) !== anySegments) segments.push(anySegments);
    if (segments.length === 0) throw this.#refuse(0, 'it names nothing');
    return { absolute, segments };
  }

  #segment(): Segment {
    const start = this.#at;
    const pieces: Piece[] = [];
    while (this.#at < this.#text.length && this.#text[this.#at] !== '/') {
      if (this.#text[this.#at] === '{') pieces.push(this.#group());
      else pieces.push(this.#part());
    }
    const run = pieces.findIndex((piece, i) => piece.type === 'run' && pieces[i + 1]?.type === 'run');
    if (run < 0) return pieces;
    if (pieces.length === 2) return anySegments;
    throw this.#refuse(start, '"**" stands alone between slashes: write "**/*.ts", not "**.ts"');
  }

  #group(): Piece {
    const start = this.#at++;
    const alternatives: Piece[][] = [[]];
    for (;;) {
      const character = this.#text[this.#at];
      if (character === undefined || character === '/')
        throw this.#refuse(start, '"{" is not closed in its segment');
      if (character === '{') throw this.#refuse(this.#at, 'braces inside braces');
      if (character === ',' || character === '}') {
        if (alternatives.at(-1)!.length === 0) throw this.#refuse(this.#at, 'an empty alternative');
        this.#at++;
        if (character === '}') return { type: 'group', alternatives };
        alternatives.push([]);
      } else {
        const part = this.#part(true);
        if (part.type === 'run' && alternatives.at(-1)!.at(-1)?.type === 'run')
          throw this.#refuse(this.#at - 2, '"**" inside braces');
        alternatives.at(-1)!.push(part);
      }
    }
  }

  #part(inGroup = false): Piece {
    const start = this.#at;
    const character = this.#text[this.#at++]!;
    switch (character) {
      case '*':
        return { type: 'run' };
      case '?':
        return { type: 'one', characters: anyCharacter, text: '?' };
      case '[':
        return this.#class(start);
      case ']':
      case '}':
        throw this.#refuse(start, `"${character}" closes nothing: escape it with "\\"`);
      default:
        return this.#literal(start, inGroup);
    }
  }

  #literal(start: number, inGroup: boolean): Piece {
    this.#at = start;
    const character = this.#character();
    const escaped = special.has(character) || (inGroup && character === ',');
    const characters = single(character.codePointAt(0)!);
    return { type: 'one', characters, text: escaped ? `\\${character}` : character };
  }

  /** The next character, with its escape undone. */
  #character(): string {
    const start = this.#at;
    let character = this.#text[this.#at++];
    if (character === '\\') character = this.#text[this.#at++];
    if (character === undefined) throw this.#refuse(start, 'it ends in the middle of something');
    if (character === '/') throw this.#refuse(start, 'a slash cannot be part of a segment');
    if (/[\u0000-\u001f\u007f]/.test(character)) throw this.#refuse(start, 'a control character');
    return character;
  }

  #class(start: number): Piece {
    const negated = this.#text[this.#at] === '!';
    if (negated) this.#at++;
    if (this.#text[this.#at] === '^') throw this.#refuse(this.#at, 'a class is negated by "!", as in [!a]');
    const ranges: [number, number][] = [];
    while (this.#text[this.#at] !== ']') {
      if (this.#at >= this.#text.length) throw this.#refuse(start, '"[" is not closed');
      if (this.#text[this.#at] === '[')
        throw this.#refuse(this.#at, '"[" inside a class: escape it with "\\"');
      ranges.push(this.#range());
    }
    if (ranges.length === 0) throw this.#refuse(start, 'an empty class');
    this.#at++;
    const named = intersection(union(ranges), anyCharacter);
    const characters = negated ? without(anyCharacter, named) : named;
    return { type: 'one', characters, text: `[${negated ? '!' : ''}${named.map(rangeText).join('')}]` };
  }

  #range(): [number, number] {
    const start = this.#at;
    const from = this.#character().codePointAt(0)!;
    if (this.#text[this.#at] !== '-' || this.#text[this.#at + 1] === ']') return [from, from];
    this.#at++;
    if (this.#at >= this.#text.length) throw this.#refuse(start, 'a range without its end');
    const to = this.#character().codePointAt(0)!;
    if (to < from) throw this.#refuse(start, 'a range that goes backwards');
    return [from, to];
  }

  #checked(segment: Segment, start: number): Segment {
    if (segment !== anySegments && piecesText(segment) === '..')
      throw this.#refuse(start, '".." is not resolved in patterns');
    return segment;
  }

  #refuse(index: number, what: string): RookeryError {
    const column = index + 1;
    const field = this.#field;
    return new RookeryError('INVALID_INPUT', `${field}: column ${column}: ${what}`, {
      field,
      column,
      accepted: 'literals, ?, *, **, [a-z], [!a], {a,b} and \\ to escape',
    });
  }
}

/** Nothing between two slashes, or a lone dot. */
function isEmpty(segment: Segment): boolean {
  return segment !== anySegments && (segment.length === 0 || piecesText(segment) === '.');
}

const inClass = new Set('[]\\!^-');

function rangeText([from, to]: readonly [number, number]): string {
  const text = (code: number) => {
    const character = String.fromCodePoint(code);
    return inClass.has(character) ? `\\${character}` : character;
  };
  if (from === to) return text(from);
  return to === from + 1 ? text(from) + text(to) : `${text(from)}-${text(to)}`;
}
