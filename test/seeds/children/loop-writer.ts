import { CFNLoopMemoryManager } from '../../../src/doors/claude-flow/index.ts';
import { example1 } from '../../support/loop-examples.ts';

// Stores example 1 of seed 000, says so, and stays: whoever started it ends it with SIGKILL.
const [path, redisPort] = process.argv.slice(2);
const manager = new CFNLoopMemoryManager({
  redisClient: { port: Number(redisPort) },
  swarmId: 'phase-1-auth',
  sqliteDbPath: path,
});
await manager.initialize();
await manager.storeLoop3Confidence(example1, { agentId: 'coder-1' });
console.log('stored');
setInterval(() => {}, 1000);
