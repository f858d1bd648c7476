import { execFile, spawn } from 'node:child_process';
import { invalid, RookeryError } from '../../../kernel/errors.ts';

/** One file as git tracks it. `blob` names its content, which nobody can change while the demo runs. */
export interface TrackedFile {
  readonly file: string;
  readonly blob: string;
}

export interface Repository {
  readonly root: string;
  readonly files: readonly TrackedFile[];
  /** How many git tracks, before the limit; links and other repositories inside are not counted. */
  readonly tracked: number;
}

/** The files that git tracks at a path: a repository, or a folder in one. */
export async function readRepository(path: string, limit: number): Promise<Repository> {
  const root = (await git(path, 'rev-parse', '--show-toplevel')).trim();
  const files = parseIndex(await git(path, 'ls-files', '--stage', '-z', '--full-name'));
  if (files.length === 0) {
    throw invalid('path', `a git repository that tracks at least one file: ${path} has none (git add first)`);
  }
  return { root, files: files.slice(0, limit), tracked: files.length };
}

/** The index as `git ls-files --stage -z` prints it. A file with a merge conflict appears several times: once is enough. */
export function parseIndex(listing: string): TrackedFile[] {
  const found = new Map<string, TrackedFile>();
  for (const line of listing.split('\0')) {
    const [, mode, blob, file] = /^(\d+) ([0-9a-f]+) \d\t(.+)$/s.exec(line) ?? [];
    // Links and other repositories have no content of their own.
    if (mode?.startsWith('100') && !found.has(file!)) found.set(file!, { file: file!, blob: blob! });
  }
  return [...found.values()];
}

function git(path: string, ...args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { cwd: path, maxBuffer: 256 * 1024 * 1024, encoding: 'utf8' as const };
    execFile('git', args, options, (error, stdout, stderr) => {
      if (!error) resolve(stdout);
      else reject(refusalOf(path, error, stderr));
    });
  });
}

function refusalOf(path: string, error: Error & { code?: unknown }, stderr: string): RookeryError {
  const why = stderr.trim().split('\n')[0] || error.message;
  if (error.code !== 'ENOENT') return invalid('path', `a git repository: ${path} is none (${why})`);
  // A missing folder and a missing program are one error to the operating system.
  return new RookeryError(
    'MISSING_PACKAGE',
    `cannot run git in ${path}: the demo needs git, and a folder that exists`,
    { path },
    { cause: error },
  );
}

/** Contents by their blob, from one `git cat-file` that is asked one question after the other. */
export class Blobs implements Disposable {
  readonly #git: ReturnType<typeof Blobs.start>;
  readonly #chunks: AsyncIterator<Buffer>;
  #read: Buffer = Buffer.alloc(0);

  constructor(root: string) {
    this.#git = Blobs.start(root);
    this.#chunks = this.#git.stdout[Symbol.asyncIterator]();
  }

  static start(root: string) {
    return spawn('git', ['cat-file', '--batch'], { cwd: root, stdio: ['pipe', 'pipe', 'ignore'] });
  }

  async contentOf(blob: string): Promise<Buffer> {
    this.#git.stdin.write(`${blob}\n`);
    const head = await this.#until((read) => read.indexOf('\n') + 1);
    const size = /^[0-9a-f]+ blob (\d+)\n$/.exec(head.toString())?.[1];
    if (size === undefined)
      throw new RookeryError('NOT_FOUND', `git has no content ${blob}`, { kind: 'blob' });
    const length = Number(size);
    const content = await this.#until((read) => (read.length > length ? length + 1 : 0));
    return content.subarray(0, length);
  }

  /** The first bytes that were read, as many as `enough` says; 0 means not yet. */
  async #until(enough: (read: Buffer) => number): Promise<Buffer> {
    for (;;) {
      const length = enough(this.#read);
      if (length > 0) {
        const taken = this.#read.subarray(0, length);
        this.#read = this.#read.subarray(length);
        return taken;
      }
      const { value, done } = await this.#chunks.next();
      if (done) throw new RookeryError('UNAVAILABLE', 'git cat-file ended', {});
      this.#read = Buffer.concat([this.#read, value as Buffer]);
    }
  }

  [Symbol.dispose](): void {
    this.#git.stdin.end();
  }
}
