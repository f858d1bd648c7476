import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const kernel = fileURLToPath(new URL('../../src/kernel', import.meta.url));

/**
 * A copy of the kernel in which one protection is taken out, to be imported beside the real one: a test that does not
 * notice the difference proves nothing. `file` is relative to `src/kernel`; the text to replace must be there.
 */
export async function sabotaged<Module>(
  file: string,
  change: { readonly text: string; readonly by: string; readonly in?: string },
): Promise<Module> {
  const copy = mkdtempSync(join(tmpdir(), 'rookery-sabotage-'));
  try {
    cpSync(kernel, copy, { recursive: true });
    const place = join(copy, change.in ?? file);
    const source = readFileSync(place, 'utf8');
    if (!source.includes(change.text)) throw new Error(`${place} does not say: ${change.text}`);
    writeFileSync(place, source.replaceAll(change.text, change.by));
    return (await import(/* @vite-ignore */ pathToFileURL(join(copy, file)).href)) as Module;
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

const copies: string[] = [];
process.once('exit', () => {
  for (const copy of copies) rmSync(copy, { recursive: true, force: true });
});

/**
 * The same with all of the source, so that a whole store can be opened without the protection. The copy stays until the
 * process ends, because parts of it are loaded when they are first needed. `file` is relative to `src`.
 */
export async function sabotagedSource<Module>(
  file: string,
  ...changes: readonly { readonly text: string; readonly by: string; readonly in?: string }[]
): Promise<Module> {
  const copy = mkdtempSync(join(tmpdir(), 'rookery-sabotage-'));
  copies.push(copy);
  for (const part of ['src', 'package.json']) cpSync(join(root, part), join(copy, part), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  for (const change of changes) {
    const place = join(copy, 'src', change.in ?? file);
    const source = readFileSync(place, 'utf8');
    if (!source.includes(change.text)) throw new Error(`${place} does not say: ${change.text}`);
    writeFileSync(place, source.replaceAll(change.text, change.by));
  }
  return (await import(/* @vite-ignore */ pathToFileURL(join(copy, 'src', file)).href)) as Module;
}
