import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { invalid, RookeryError } from '../../kernel/errors.ts';
import { Output } from './output.ts';
import { progressOf } from './progress.ts';
import { type GlobalOptions, openStore } from './session.ts';

/** A complete copy of the live store in one file, checked before it gets its name. Servers go on meanwhile. */
export async function backup(file: string, options: GlobalOptions & { force?: boolean }): Promise<void> {
  const output = new Output(options.json ?? false);
  const target = resolve(file);
  if (existsSync(target) && !options.force)
    throw invalid('file', `a new name: ${target} exists (or --force)`);
  await using rookery = await openStore(options);
  const { engine } = rookery.store;
  if (!engine.backup)
    throw new RookeryError('UNAVAILABLE', 'this engine has no backup of its own: use pg_dump');
  const progress = progressOf('backup', output.json);
  await engine.backup(target, (done, total) => progress.update(done, total, 'pages'));
  const bytes = statSync(target).size;
  progress.end(`${target}: ${bytes} bytes, checked`);
  output.warn('the root key is not in the backup: keep it beside, and apart');
  output.data({ file: target, bytes });
}
