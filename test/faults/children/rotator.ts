import { writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { openFolder, rootKeyName } from '../../../src/folder.ts';
import { SqliteEngine } from '../../../src/kernel/engines/sqlite/engine.ts';
import { openOver, openRookery } from '../../../src/rookery.ts';

/**
 * Rotates the keys of a store: `data` replaces data keys and seals everything anew, `resume` goes on with that, `root`
 * replaces the root key twice. Prints `ready`, a line for each step, and `finished`. `careless` replaces the root key
 * with the new one before the commit that makes it the store's.
 */
const [path, what] = process.argv.slice(2) as [string, 'data' | 'resume' | 'root' | 'careless'];
const print = (line: string) => writeSync(1, `${line}\n`);
const rookery = what === 'careless' ? await openCareless() : await openRookery({ path });
print('ready');
if (what === 'root' || what === 'careless') {
  for (const round of [1, 2]) {
    await rookery.keys.rotate({ root: true });
    print(`replaced ${round}`);
  }
} else {
  if (what === 'data') await rookery.keys.rotate({ all: true });
  for (;;) {
    const { rotation } = await rookery.keys.status({ waitMs: 20 });
    print(`sealed ${rotation?.done}`);
    if (rotation?.state === 'done') break;
  }
}
await rookery.close();
print('finished');

async function openCareless() {
  const { file, root, signer } = openFolder(path, {});
  const prepare = (next: Uint8Array) =>
    writeFileSync(join(path, rootKeyName), Buffer.from(next).toString('base64'));
  return await openOver({ engine: new SqliteEngine(file), signer, root: { ...root, prepare } });
}
