import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const root: string = fileURLToPath(new URL('../..', import.meta.url));

export interface SourceFile {
  /** Path from the root of the repository. */
  readonly path: string;
  readonly text: string;
}

export interface Finding {
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

/** A rule of the house: a plain function from files to findings. */
export type Rule = (files: readonly SourceFile[]) => Finding[];

/** The files under the given folders, tracked or new, without what git ignores. */
export function filesUnder(...folders: string[]): SourceFile[] {
  const list = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '--', ...folders], {
    cwd: root,
    encoding: 'utf8',
  });
  return list
    .split('\n')
    .filter((path) => path.endsWith('.ts') || path.endsWith('.js'))
    .flatMap((path) => {
      try {
        return [{ path, text: readFileSync(`${root}/${path}`, 'utf8') }];
      } catch {
        return []; // listed by git, removed from disk
      }
    });
}

/** One finding for each line that matches. */
export function linesMatching(files: readonly SourceFile[], pattern: RegExp, message: string): Finding[] {
  return files.flatMap(({ path, text }) =>
    text
      .split('\n')
      .flatMap((content, i) =>
        pattern.test(content) ? [{ path, line: i + 1, message: `${message}: ${content.trim()}` }] : [],
      ),
  );
}
