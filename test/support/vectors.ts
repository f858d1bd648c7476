import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe } from 'vitest';

/**
 * Published test vectors of other projects. They are no part of the repository: a folder beside it, or the one that
 * ROOKERY_VECTORS names. Where it is absent every test that needs it is reported by name as not run.
 */
const folder =
  process.env['ROOKERY_VECTORS'] ?? fileURLToPath(new URL('../../../shared/vectors', import.meta.url));
const present = existsSync(join(folder, 'SHA256SUMS'));

/** A suite over published vectors. */
export function describeVectors(origin: string, suite: () => void): void {
  describe.skipIf(!present)(`vectors: ${origin}`, suite);
}

export function vectorBytes(path: string): Buffer {
  return readFileSync(join(folder, path));
}

export function vectorText(path: string): string {
  return readFileSync(join(folder, path), 'utf8');
}

export function vectorCases<T>(path: string): T {
  return JSON.parse(vectorText(path)) as T;
}

/** How many cases a judge accepts and rejects, and the names of those it judges otherwise than published. */
export function tally<T>(
  cases: readonly T[],
  {
    expected,
    judge,
    name,
  }: { expected(one: NoInfer<T>): boolean; judge(one: NoInfer<T>): boolean; name(one: NoInfer<T>): string },
): { accepted: number; rejected: number; wrong: string[] } {
  const answers = cases.map((one) => ({ answer: judge(one), one }));
  return {
    accepted: answers.filter(({ answer }) => answer).length,
    rejected: answers.filter(({ answer }) => !answer).length,
    wrong: answers.filter(({ answer, one }) => answer !== expected(one)).map(({ one }) => name(one)),
  };
}

/** Whether something is done without an error. */
export function succeeds(act: () => unknown): boolean {
  try {
    act();
    return true;
  } catch {
    return false;
  }
}
