import { MemoryStoreAdapter } from '../../../src/doors/claude-flow/index.ts';

// Counts up in a database that others count in too, and says what it got.
const [dbPath, rounds] = process.argv.slice(2);
const memory = new MemoryStoreAdapter({ dbPath });
const results: number[] = [];
for (let i = 0; i < Number(rounds); i++) results.push(await memory.incr('n', { aclLevel: 4 }));
await memory.set('secret', 'what-nobody-may-see', { agentId: `agent-${process.pid}`, aclLevel: 1 });
console.log(JSON.stringify(results));
