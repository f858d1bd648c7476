import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const door = fileURLToPath(new URL('../../../src/doors/verify/index.ts', import.meta.url));

/** Everything a file imports at run time, directly and through what it imports. */
function imported(file: string, seen = new Map<string, string[]>()): Map<string, string[]> {
  if (seen.has(file)) return seen;
  const source = readFileSync(file, 'utf8');
  const targets = [...source.matchAll(/^(?:import|export) (?!type )[^;]*?from '([^']+)';/gms)].map(
    (match) => match[1]!,
  );
  seen.set(file, targets);
  for (const target of targets) if (target.startsWith('.')) imported(join(dirname(file), target), seen);
  return seen;
}

it('verifies offline with node:crypto alone: no package, no engine, no store', () => {
  const files = imported(door);
  expect(files.size).toBeGreaterThan(6);
  const outside = new Set([...files.values()].flat().filter((target) => !target.startsWith('.')));
  expect([...outside]).toEqual(['node:crypto']);
});
