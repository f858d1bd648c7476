import {
  anyCharacter,
  type Characters,
  fitToEnd,
  intersection,
  single,
  slash,
  unfitToEnd,
} from './characters.ts';
import { anySegments, type Pattern, type Piece } from './grammar.ts';

/**
 * A pattern as a position automaton without empty moves: a state is the last piece that took a character, 0 the
 * beginning. It accepts exactly the *normal* paths that the pattern matches, because each wildcard has one state per
 * kind of character: `inner` may be followed by anything, `weak` (dot, space) must not end a segment, `edge` is a slash.
 *
 * States are numbered in the order of the text, and grouped by piece: every move goes to a later piece, or stays within
 * a piece that repeats. The search of `overlap.ts` rests on that.
 */
export interface Automaton {
  readonly size: number;
  readonly characters: readonly Characters[];
  /** The one character of a state that takes one only, else -1. */
  readonly code: Int32Array;
  readonly kind: readonly Kind[];
  /** Number of the piece a state belongs to. */
  readonly piece: readonly number[];
  /** First state of each piece, and the size at the end. */
  readonly starts: readonly number[];
  readonly follow: readonly (readonly number[])[];
  /** The one successor of a state that has one only, else -1. */
  readonly only: Int32Array;
  /** From each state on, how many in a row take the same one character and lead only to the next state. */
  readonly run: Int32Array;
  /** 1 for a state in which a path may end. */
  readonly accepting: Uint8Array;
  /** What every match begins with. */
  readonly prefix: string;
  /** The pattern is its prefix: it matches one path. */
  readonly literal: boolean;
}

type Kind = 'start' | 'inner' | 'weak' | 'edge';

export function automatonOf(pattern: Pattern): Automaton {
  const builder = new Builder();
  let ends: readonly number[] = [0];
  if (pattern.absolute) ends = builder.slash(ends, true);
  pattern.segments.forEach((segment, i) => {
    const last = i === pattern.segments.length - 1;
    if (segment === anySegments) ends = builder.anySegments(ends, i === 0, last);
    else {
      ends = builder.pieces(ends, segment);
      // A final `**` brings its own slash, as it may also match nothing.
      const next = pattern.segments[i + 1];
      if (next !== undefined && !(next === anySegments && i + 2 === pattern.segments.length))
        ends = builder.slash(ends);
    }
  });
  return { ...builder.finish(ends), ...literalPrefix(pattern) };
}

class Builder {
  readonly #characters: Characters[] = [[]];
  readonly #kind: Kind[] = ['start'];
  readonly #piece: number[] = [0];
  readonly #follow: number[][] = [[]];
  readonly #starts: number[] = [0];

  pieces(from: readonly number[], pieces: readonly Piece[]): readonly number[] {
    let ends = from;
    for (const piece of pieces) {
      if (piece.type === 'one') ends = this.#one(ends, piece.characters);
      else if (piece.type === 'run') ends = this.#run(ends);
      else {
        const before = ends;
        ends = unique(piece.alternatives.flatMap((alternative) => this.pieces(before, alternative)));
      }
    }
    return ends;
  }

  slash(from: readonly number[], leading = false): readonly number[] {
    this.#begin();
    const state = this.#add('edge', single(slash));
    if (leading) this.#follow[0]!.push(state);
    else this.#connect(from, state);
    return [state];
  }

  /** `**`: whole segments with a slash after each, or before each at the end of the pattern. */
  anySegments(from: readonly number[], first: boolean, last: boolean): readonly number[] {
    this.#begin();
    const inner = this.#add('inner', fitToEnd);
    const weak = this.#add('weak', unfitToEnd);
    const edge = this.#add('edge', single(slash));
    for (const state of [inner, weak, edge]) {
      this.#follow[state]!.push(inner, weak);
      this.#connect([state], edge);
    }
    const needsSlash = last && !first;
    if (needsSlash) this.#connect(from, edge);
    else for (const state of [inner, weak]) this.#connect(from, state);
    if (!last) return [...from, edge];
    return first ? [inner] : [...from, inner];
  }

  finish(ends: readonly number[]): Omit<Automaton, 'prefix' | 'literal'> {
    const size = this.#kind.length;
    const accepting = Uint8Array.from(this.#kind, (kind, state) =>
      kind === 'inner' && ends.includes(state) ? 1 : 0,
    );
    const only = Int32Array.from(this.#follow, (next) => (next.length === 1 ? next[0]! : -1));
    const code = Int32Array.from(this.#characters, (characters) => {
      const [only] = characters;
      return characters.length === 1 && only![0] === only![1] ? only![0] : -1;
    });
    return {
      size,
      characters: this.#characters,
      code,
      kind: this.#kind,
      piece: this.#piece,
      starts: [...this.#starts, size],
      follow: this.#follow,
      only,
      run: runsOf(code, only),
      accepting,
    };
  }

  #one(from: readonly number[], characters: Characters): readonly number[] {
    this.#begin();
    const states: number[] = [];
    const inner = intersection(characters, fitToEnd);
    const weak = intersection(characters, unfitToEnd);
    if (inner.length > 0) states.push(this.#add('inner', inner));
    if (weak.length > 0) states.push(this.#add('weak', weak));
    for (const state of states) this.#connect(from, state);
    return states;
  }

  #run(from: readonly number[]): readonly number[] {
    const states = this.#one(from, anyCharacter);
    for (const state of states) this.#connect(states, state);
    return [...from, ...states];
  }

  #begin(): void {
    this.#starts.push(this.#kind.length);
  }

  #add(kind: Kind, characters: Characters): number {
    this.#kind.push(kind);
    this.#characters.push(characters);
    this.#piece.push(this.#starts.length - 1);
    this.#follow.push([]);
    return this.#kind.length - 1;
  }

  /** A slash only after a segment that may end there. */
  #connect(from: readonly number[], to: number): void {
    for (const state of from) {
      if (this.#kind[to] !== 'edge' || this.#kind[state] === 'inner') this.#follow[state]!.push(to);
    }
  }
}

function runsOf(code: Int32Array, only: Int32Array): Int32Array {
  const run = new Int32Array(code.length);
  for (let state = code.length - 1; state >= 0; state--) {
    if (code[state]! < 0 || only[state] !== state + 1) continue;
    run[state] = 1 + (code[state + 1] === code[state] ? run[state + 1]! : 0);
  }
  return run;
}

function unique(states: readonly number[]): readonly number[] {
  return [...new Set(states)];
}

function literalPrefix(pattern: Pattern): { prefix: string; literal: boolean } {
  let prefix = pattern.absolute ? '/' : '';
  for (const [i, segment] of pattern.segments.entries()) {
    if (segment === anySegments) return { prefix: withoutSlash(pattern, i, prefix), literal: false };
    for (const piece of segment) {
      const character = literalOf(piece);
      if (character === undefined) return { prefix, literal: false };
      prefix += character;
    }
    if (i < pattern.segments.length - 1) prefix += '/';
  }
  return { prefix, literal: true };
}

/** A final `**` may match nothing, and then the slash before it is not there. */
function withoutSlash({ segments }: Pattern, i: number, prefix: string): string {
  return i > 0 && i === segments.length - 1 ? prefix.slice(0, -1) : prefix;
}

function literalOf(piece: Piece): string | undefined {
  if (piece.type !== 'one' || piece.text === '?' || piece.text.startsWith('[')) return undefined;
  return String.fromCodePoint(piece.characters[0]![0]);
}
