import { closeDatabase, eventOps, initializeDatabase, lockOps } from '../../../src/doors/squawk/index.ts';

/** Writes into a database that others write to at the same time: `<database> <name> <writes>`. */
const [path, name, writes] = process.argv.slice(2) as [string, string, string];

await initializeDatabase(path);
await Promise.all(
  Array.from({ length: Number(writes) }, async (_, i) => {
    await eventOps.append('shared', [{ type: 'written', data: { name, i } }]);
    const locked = await lockOps.acquire({ file: `${name}/${i}`, specialist_id: name });
    if (!locked.conflict) await lockOps.release(locked.id, name);
  }),
);
await closeDatabase();
