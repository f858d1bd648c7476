import { describe, expect, it } from 'vitest';
import {
  ACLLevel,
  CFNLoopMemoryManager,
  createAgentLifecycleSQLiteManager,
} from '../../src/doors/claude-flow/index.ts';
import { freePort, onRedis } from '../engines/redis.ts';
import { type AuditRow, audits, inFile, opened, pathOf, rows } from '../support/loop-door.ts';
import { example1 } from '../support/loop-examples.ts';
import { until } from '../support/until.ts';

const denied = new Error('Access denied');

function cases(port: () => Promise<number> | number): void {
  const redis = async () => ({ redisClient: { port: await port() } });

  it('[CF-C06] a life: started, sure of its work, ended, and started again', async () => {
    await using manager = await opened(await redis());
    const lifecycle = createAgentLifecycleSQLiteManager({
      cfnMemoryManager: manager,
      swarmId: 'phase-1-auth',
    });
    const spawn = {
      agentId: 'coder-1',
      name: 'Backend Developer',
      type: 'backend-dev',
      swarmId: 'phase-1-auth',
    };
    await lifecycle.registerAgentSpawn({
      ...spawn,
      capabilities: ['api', 'database'],
      aclLevel: ACLLevel.TEAM,
    });
    await lifecycle.updateAgentConfidence('coder-1', 0.85, 'Tests passing, security clean', 'auth', 1);
    await lifecycle.registerAgentTermination('coder-1', 'Phase complete, agent no longer needed');
    const history = await lifecycle.getAgentLifecycleHistory('coder-1');
    expect(history.map(({ eventType }) => eventType)).toEqual(['terminate', 'confidence_update', 'spawn']);
    const confidence = {
      eventType: 'confidence_update',
      agentType: 'backend-dev',
      phase: 'auth',
      iteration: 1,
    };
    const newest = { limit: 1, eventTypes: ['confidence_update' as const] };
    expect(await lifecycle.getAgentLifecycleHistory('coder-1', newest)).toMatchObject([confidence]);
    const [agent] = rows<{ status: string; performance_metrics: string }>(
      manager,
      "SELECT status, performance_metrics FROM agents WHERE id = 'coder-1'",
    );
    expect(agent!.status).toBe('terminated');
    expect(JSON.parse(agent!.performance_metrics)).toMatchObject({
      confidence: 0.85,
      phase: 'auth',
      iteration: 1,
    });
    const said = ['Tests passing, security clean', 'Phase complete, agent no longer needed'];
    expect(inFile(pathOf(manager), said)).toEqual([]);
    expect(history[0]).toMatchObject({ metadata: { reason: said[1] } });
    expect(lifecycle.getMetrics()).toEqual({
      ...{ lifecycleEvents: 3, agentRegistrations: 1, confidenceUpdates: 1, agentTerminations: 1 },
      ...{ auditLogsWritten: 3, errors: 0 },
    });
    await lifecycle.updateAgentConfidence('newcomer', 0.5, 'first steps');
    const audit = rows<AuditRow>(
      manager,
      "SELECT * FROM audit_log WHERE category = 'agent-lifecycle' ORDER BY seq",
    );
    expect(audit.map(({ action, risk_level }) => `${action} ${risk_level}`)).toEqual([
      ...['spawn low', 'confidence_update low', 'terminate low', 'confidence_update low'],
    ]);
    await expect(manager.storeLoop3Confidence(example1)).rejects.toThrow(denied);
    await lifecycle.registerAgentSpawn({ ...spawn, aclLevel: ACLLevel.TEAM });
    await manager.storeLoop3Confidence(example1);
    await lifecycle.registerAgentTermination('newcomer', 'an error that nobody expected');
    expect(audits(manager, 'terminate')[1]).toMatchObject({ risk_level: 'high' });
    await expect(lifecycle.updateAgentConfidence('coder-1', 2, '')).rejects.toMatchObject({
      code: 'INVALID_INPUT',
    });
    expect(lifecycle.getMetrics().errors).toBe(1);
    const early = new CFNLoopMemoryManager({ swarmId: 's' });
    const unready = createAgentLifecycleSQLiteManager({ cfnMemoryManager: early, swarmId: 's' });
    await expect(unready.registerAgentSpawn({ ...spawn, aclLevel: 2 })).rejects.toThrow(
      'SQLite database not initialized',
    );
  });
}

describe('agent lives of seed 000 with Redis unreachable', () => cases(freePort));

onRedis('agent lives of seed 000 with Redis', (server) => {
  cases(() => server().port);

  it('[CF-C06] tells of both ends of a life on the channel of the seed', async () => {
    const client = server().client();
    await client.flushall();
    const heard: Record<string, unknown>[] = [];
    const subscriber = server().client();
    subscriber.on('message', (_, text: string) => heard.push(JSON.parse(text)));
    await subscriber.subscribe('cfn-loop:agent-lifecycle');
    await using manager = await opened({ redisClient: client });
    const lifecycle = createAgentLifecycleSQLiteManager({
      cfnMemoryManager: manager,
      swarmId: 'phase-1-auth',
    });
    const spawn = {
      agentId: 'coder-1',
      name: 'n',
      type: 'backend-dev',
      swarmId: 'phase-1-auth',
      aclLevel: 2,
    };
    await lifecycle.registerAgentSpawn(spawn);
    await lifecycle.updateAgentConfidence('coder-1', 0.85, 'clean', 'auth', 1);
    await lifecycle.registerAgentTermination('coder-1', 'Phase complete');
    await until('both are heard', () => heard.length >= 2);
    const life = { agentId: 'coder-1', swarmId: 'phase-1-auth', timestamp: expect.any(Number) };
    expect(heard).toEqual([
      { type: 'agent.spawned', ...life },
      { type: 'agent.terminated', ...life },
    ]);
    subscriber.disconnect();
  });
});
