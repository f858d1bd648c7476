/** Shared memory with the API of Claude Flow. Run: node examples/claude-flow.mjs (elsewhere: from 'rookery/claude-flow') */
import { ACLLevel, SQLiteMemorySystem } from '../src/doors/claude-flow/index.ts';

const system = new SQLiteMemorySystem({ swarmId: 'website', enableRedisCoordination: false });
await system.initialize();
const memory = system.createMemoryAdapter({ namespace: 'website' });

const backend = await system.registerAgent({ id: 'backend', type: 'backend-dev', capabilities: ['api'] });
const frontend = await system.registerAgent({ id: 'frontend', type: 'frontend-dev' });
const team = await system.agentRegistry.createTeam({ name: 'Web', leaderId: backend.id });
await system.agentRegistry.addAgentToTeam(frontend.id, team.id);

await memory.set('note', 'mine alone', { agentId: backend.id, aclLevel: ACLLevel.PRIVATE });
await memory.set('plan', { step: 1 }, { agentId: backend.id }); // team level where nothing is said
await memory.set('note', 'for the swarm', { agentId: 'tester', aclLevel: ACLLevel.SWARM });

console.log('backend ', await memory.get('note', { agentId: backend.id }));
console.log(
  'frontend',
  await memory.get('note', { agentId: frontend.id }),
  await memory.get('plan', { agentId: frontend.id }),
);
console.log('tester  ', await memory.get('plan', { agentId: 'tester' }));

const builds = await Promise.all(Array.from({ length: 10 }, () => memory.incr('builds')));
console.log('builds  ', Math.max(...builds));
await memory
  .set('note', 'x', { agentId: 'tester', aclLevel: ACLLevel.SYSTEM })
  .catch((error) => console.log('tester  ', error.message));

const { total_memory_entries: entries, encrypted_entries: encrypted } = await system.getMemoryStats();
console.log('entries ', entries, 'of which encrypted', encrypted);
await system.gracefulShutdown();
