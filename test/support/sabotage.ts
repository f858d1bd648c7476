import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

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
