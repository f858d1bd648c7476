import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { invalid } from '../../kernel/errors.ts';
import { Output } from './output.ts';
import { progressOf } from './progress.ts';
import { type GlobalOptions, openStore } from './session.ts';

/** A complete copy of the live store in one file, verified before it gets its name. Servers go on meanwhile. */
export async function backup(
  file: string,
  options: GlobalOptions & { force?: boolean; verify?: boolean },
): Promise<void> {
  const output = new Output(options.json ?? false);
  const target = resolve(file);
  if (existsSync(target) && !options.force)
    throw invalid('file', `a new name: ${target} exists (or --force)`);
  await using rookery = await openStore(options);
  const progress = progressOf('backup', output.json);
  const verified = await rookery.store.backup(target, {
    verify: options.verify ?? true,
    onProgress: (done, total) => progress.update(done, total, 'pages'),
  });
  const bytes = statSync(target).size;
  const checked = verified
    ? `${verified.entries} entries and ${verified.records} records verified`
    : 'structure checked';
  progress.end(`${target}: ${bytes} bytes, ${checked}`);
  output.warn('the root key is not in the backup: keep it beside, and apart');
  output.data({
    file: target,
    bytes,
    entries: verified?.entries ?? null,
    records: verified?.records ?? null,
  });
}

/** Writers wait while it runs. */
export async function optimize(options: GlobalOptions): Promise<void> {
  const output = new Output(options.json ?? false);
  await using rookery = await openStore(options);
  const { engine } = rookery.store;
  const before = (await engine.describe()).sizeBytes;
  await engine.optimize({ vacuum: true, analyze: true });
  const after = (await engine.describe()).sizeBytes;
  output.data({ bytes_before: before, bytes: after });
}
