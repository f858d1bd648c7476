import { startSquawkServer } from '../../../src/doors/squawk/index.ts';

/** A server as a program of its own; prints its address when it is ready. */
await startSquawkServer({ port: 0, dbPath: process.argv[2]!, onReady: ({ url }) => console.log(url) });
