import { once } from 'node:events';
import { BlockingCoordinationManager } from '../../../src/doors/claude-flow/index.ts';

/** Acknowledges the signal of the coordination tests, once it is told to: `coordinator.ts FILE SECRET COORDINATOR SOURCE`. */
const [dbPath = '', hmacSecret = '', coordinatorId = '', source = ''] = process.argv.slice(2);
const manager = new BlockingCoordinationManager({ coordinatorId, dbPath, hmacSecret });
await manager.initialize();
console.log('ready');
await once(process.stdin, 'data');
const targets = [coordinatorId];
await manager.acknowledgeSignal({ signalId: 'signal-1', type: 'completion', source, targets, timestamp: 1 });
await manager.shutdown();
process.stdin.destroy();
