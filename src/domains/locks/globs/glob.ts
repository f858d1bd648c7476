import { invalid } from '../../../kernel/errors.ts';
import { type Automaton, automatonOf } from './automaton.ts';
import { parsePattern, patternText } from './grammar.ts';
import { accepts } from './match.ts';
import { overlap } from './overlap.ts';

/**
 * Globs over normal paths: what they match, and whether two of them have a path in common. Pure; the grammar stands in
 * `grammar.ts`, its limits in the kernel's `limits.ts`.
 */
export class Glob {
  /** The one spelling of the pattern. */
  readonly text: string;
  readonly #automaton: Automaton;

  private constructor(text: string, automaton: Automaton) {
    this.text = text;
    this.#automaton = automaton;
  }

  /**
   * Reads a pattern. Throws INVALID_INPUT with the column of what is not in the grammar, PATTERN_TOO_COMPLEX over a
   * limit. `field` names the input in errors.
   */
  static parse(field: string, given: string): Glob {
    const known = compiled.get(given);
    if (known) return known;
    const pattern = parsePattern(field, given);
    const glob = new Glob(patternText(pattern), automatonOf(pattern));
    if (overlap(glob.#automaton, glob.#automaton) === undefined)
      throw invalid(field, 'a pattern that some path can match');
    if (compiled.size >= compiledMax) compiled.clear();
    compiled.set(given, glob);
    return glob;
  }

  /** What every path that it matches begins with. */
  get prefix(): string {
    return this.#automaton.prefix;
  }

  /** Whether it matches a path as `normalizePath` answers it. */
  matches(path: string): boolean {
    return accepts(this.#automaton, path);
  }

  /** A shortest path that both match; undefined when there is none. Exact and symmetric. */
  overlap(other: Glob): string | undefined {
    return overlap(this.#automaton, other.#automaton);
  }
}

/** Patterns by their text as given: the same few are compared again and again. */
const compiled = new Map<string, Glob>();
const compiledMax = 1000;
