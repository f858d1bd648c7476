import { createHash } from 'node:crypto';
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type OutputChunk, rolldown } from 'rolldown';
import { version } from '../../src/version.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** Loaded only where they are used, or made of more than JavaScript. */
const apart = [/^(pg|ioredis|@redis\/client|lz4-napi|pino|vitest)(\/|$)/, /^@electric-sql\//];

const cache = join(root, 'node_modules/.cache/rookery');
const keptMs = 86_400_000;

/**
 * Makes one file of each program that tests start (`children/*`, the command line), so that a process of theirs starts in half the time: most
 * of it went into finding and reading six hundred modules, and under strace into stopping at every call of that. Answers
 * the folder, which is named after what is in it: what the engine has compiled stays good for the next run.
 */
export async function bundlePrograms(): Promise<string> {
  const chunks = await bundled();
  const hash = createHash('sha256');
  for (const { fileName, code } of chunks) hash.update(`${fileName}\n${code}\n`);
  const folder = join(cache, `programs-${hash.digest('hex').slice(0, 16)}`);
  tidy(folder);
  if (existsSync(folder)) return folder;
  mkdirSync(cache, { recursive: true });
  const draft = mkdtempSync(join(cache, 'draft-'));
  await Promise.all(chunks.map(({ fileName, code }) => writeFile(join(draft, fileName), code)));
  try {
    renameSync(draft, folder);
  } catch (error) {
    rmSync(draft, { recursive: true });
    if (!existsSync(folder)) throw error; // else another run was faster
  }
  return folder;
}

/** Where a program of the repository lies in the folder of bundles. */
export const bundleOf = (folder: string, file: string): string => join(folder, `${nameOf(file)}.mjs`);

const nameOf = (file: string) => file.replace(/\.\w+$/, '').replaceAll('/', '-');

/** What `bin/rookery.js` does once it runs on a Node that is recent enough; the examples run that file itself. */
const parts = ['worker', 'coordinator', 'reviewer'];
const commandLine = 'bin/rookery.js';
const commandLineSource = `
  import { main } from ${JSON.stringify(join(root, 'src/doors/cli/main.ts'))};
  await main(process.argv.slice(2));`;

async function bundled(): Promise<OutputChunk[]> {
  const files = globSync('test/*/children/*.{ts,mjs}', { cwd: root });
  await using bundle = await rolldown({
    cwd: root,
    input: {
      ...Object.fromEntries(files.map((file) => [nameOf(file), join(root, file)])),
      [nameOf(commandLine)]: commandLine,
      // Started by the demo, from beside itself.
      ...Object.fromEntries(parts.map((part) => [part, join(root, `src/doors/cli/demo/${part}.ts`)])),
    },
    platform: 'node',
    external: apart,
    plugins: [
      {
        name: 'command line',
        resolveId: (id) => (id === commandLine ? commandLine : null),
        load: (id) => (id === commandLine ? commandLineSource : null),
      },
      {
        // It reads package.json, from where it stands.
        name: 'version',
        load: (id) =>
          id === join(root, 'src/version.ts') ? `export const version = ${JSON.stringify(version)}` : null,
      },
    ],
  });
  const { output } = await bundle.generate({
    entryFileNames: '[name].mjs',
    chunkFileNames: '[name]-[hash].mjs',
  });
  return output.filter((part) => part.type === 'chunk');
}

/** Removes what runs of other days have left. */
function tidy(current: string): void {
  if (!existsSync(cache)) return;
  for (const name of readdirSync(cache)) {
    const path = join(cache, name);
    if (!/^(programs|draft)-/.test(name) || path === current) continue;
    if (Date.now() - statSync(path).mtimeMs > keptMs) rmSync(path, { recursive: true, force: true });
  }
}
