import { openFolder } from '../../src/folder.ts';
import type { Engine } from '../../src/kernel/engine.ts';
import { Connection } from '../../src/kernel/engines/sqlite/connection.ts';
import { SqliteEngine } from '../../src/kernel/engines/sqlite/engine.ts';
import type { Work } from '../../src/kernel/work.ts';
import { openOver, type Rookery } from '../../src/rookery.ts';

/** How a write transaction is run on a connection of its own. */
export type Transact = <T>(work: () => Work<T>, connection: Connection) => T;

/** A store in a folder whose write transactions are run in another way than the product's. */
export async function openWith(path: string, transact: Transact): Promise<Rookery> {
  const { file, ...secrets } = openFolder(path, {});
  const engine = new SqliteEngine(file);
  const connection = new Connection(file, 'full');
  const changed: Engine = {
    capabilities: engine.capabilities,
    read: (work) => engine.read(work),
    transact: async (work) => transact(work, connection),
    watch: (onForeignCommit) => engine.watch(onForeignCommit),
    describe: () => engine.describe(),
    optimize: (what) => engine.optimize(what),
    close: async () => {
      connection.close();
      await engine.close();
    },
  };
  return await openOver({ engine: changed, ...secrets });
}
