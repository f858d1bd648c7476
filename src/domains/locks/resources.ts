import { invalid } from '../../kernel/errors.ts';
import { limits } from '../../kernel/limits.ts';
import { Glob } from './globs/glob.ts';
import { normalizePath } from './globs/path.ts';
import type { AcquireInput, Kind, Mode } from './model.ts';

/** A resource as somebody asks for it: `file` as given, `path` its one spelling. */
export interface Resource {
  readonly kind: Kind;
  readonly file: string;
  readonly path: string;
  readonly mode: Mode;
}

/** A resource without what it was called. */
export type Claim = Pick<Resource, 'kind' | 'path' | 'mode'>;

type Wanted = Pick<AcquireInput, 'path' | 'paths' | 'patterns' | 'names'>;

/** What a request asks for, each resource once and under the stronger of its modes, in an order of its own. */
export function resourcesOf(wanted: Wanted, mode: Mode): Resource[] {
  // Nearly all requests are for one file.
  if (wanted.path !== undefined && wanted.paths.length + wanted.patterns.length + wanted.names.length === 0)
    return [fileOf('path', wanted.path, mode)];
  const found = new Map<string, Resource>();
  const add = (resource: Resource) => {
    const known = found.get(keyOf(resource));
    if (!known || resource.mode === 'exclusive') found.set(keyOf(resource), resource);
  };
  if (wanted.path !== undefined) add(fileOf('path', wanted.path, mode));
  wanted.paths.forEach((given, i) => {
    if (typeof given === 'string') add(fileOf(`paths.${i}`, given, mode));
    else add(fileOf(`paths.${i}.path`, given.path, given.mode));
  });
  wanted.patterns.forEach((given, i) => {
    add({ kind: 'pattern', file: given, path: Glob.parse(`patterns.${i}`, given).text, mode });
  });
  for (const given of wanted.names) add({ kind: 'name', file: given, path: given.normalize('NFC'), mode });
  if (found.size === 0) throw invalid('paths', 'at least one path, pattern or name');
  if (found.size > limits.batchItems)
    throw invalid('paths', `at most ${limits.batchItems} resources together`);
  return [...found.values()].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}

function fileOf(field: string, given: string, mode: Mode): Resource {
  return { kind: 'file', file: given, path: normalizePath(field, given), mode };
}

export function keyOf({ kind, path }: Pick<Resource, 'kind' | 'path'>): string {
  return `${kind}\n${path}`;
}

/** Modes that cannot be held by two at once. */
export function excludes(a: Mode, b: Mode): boolean {
  return a === 'exclusive' || b === 'exclusive';
}

/** A path, or name, that belongs to both. */
export function commonPath(
  a: Pick<Resource, 'kind' | 'path'>,
  b: Pick<Resource, 'kind' | 'path'>,
): string | undefined {
  if (a.kind === 'name' || b.kind === 'name')
    return a.kind === b.kind && a.path === b.path ? a.path : undefined;
  if (a.kind === 'file' && b.kind === 'file') return a.path === b.path ? a.path : undefined;
  if (a.kind === 'file') return globOf(b).matches(a.path) ? a.path : undefined;
  if (b.kind === 'file') return globOf(a).matches(b.path) ? b.path : undefined;
  return globOf(a).overlap(globOf(b));
}

export function globOf({ path }: Pick<Resource, 'path'>): Glob {
  return Glob.parse('pattern', path);
}

/** What is claimed so far, in memory: asks whether a further claim of somebody else conflicts. */
export class Claims {
  readonly #byKey = new Map<string, Owned[]>();
  readonly #patterns: Owned[] = [];

  add(agent: string, claims: readonly Claim[]): void {
    for (const claim of claims) {
      const owned = { agent, claim };
      if (claim.kind === 'pattern') this.#patterns.push(owned);
      const known = this.#byKey.get(keyOf(claim));
      if (known) known.push(owned);
      else this.#byKey.set(keyOf(claim), [owned]);
    }
  }

  conflicts(agent: string, claims: readonly Claim[]): boolean {
    return claims.some(
      (claim) =>
        this.#byKey.get(keyOf(claim))?.some((owned) => stands(owned, agent, claim)) ||
        this.#patterns.some(
          (owned) => stands(owned, agent, claim) && commonPath(owned.claim, claim) !== undefined,
        ) ||
        (claim.kind === 'pattern' && this.#someFile(agent, claim)),
    );
  }

  #someFile(agent: string, pattern: Claim): boolean {
    for (const known of this.#byKey.values()) {
      for (const owned of known) {
        if (stands(owned, agent, pattern) && commonPath(owned.claim, pattern) !== undefined) return true;
      }
    }
    return false;
  }
}

interface Owned {
  readonly agent: string;
  readonly claim: Claim;
}

function stands({ agent, claim }: Owned, other: string, wanted: Claim): boolean {
  return agent !== other && excludes(claim.mode, wanted.mode);
}
