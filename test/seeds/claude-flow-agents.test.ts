import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemAlone } from '../support/claude-flow.ts';
import { ManualClock } from '../support/clock.ts';
import { temporaryFolder } from '../support/processes.ts';

describe('agents of the system', () => {
  it('registers, changes and lists agents as the seed shows them [CF-C22]', async () => {
    const system = await systemAlone();
    const registry = system.agentRegistry;
    const told: string[] = [];
    for (const event of ['agentRegistered', 'agentUpdated', 'agentUnregistered', 'metricsUpdated', 'cleanup'])
      registry.on(event, () => told.push(event));
    const first = await system.registerAgent({ name: 'One', type: 'coder', metadata: { a: 1 } });
    const second = await system.registerAgent();
    expect(second.id).not.toBe(first.id);
    expect(second).toMatchObject({ name: `Agent-${second.id.slice(0, 8)}`, type: 'coder', aclLevel: 2 });
    expect((await registry.registerAgent({ id: first.id, type: 'architect' })).name).toBe('One');
    expect(
      await registry.updateAgent(first.id, { capabilities: ['design'], aclLevel: 'project' }),
    ).toMatchObject({
      ...{ type: 'architect', capabilities: ['design'], aclLevel: 4, metadata: { a: 1 } },
    });
    expect((await registry.getAgentsByCapability('design')).map(({ id }) => id)).toEqual([first.id]);
    expect((await registry.getAgentsByType('system')).map(({ id }) => id)).toEqual(['sqlite-system']);
    const measured = await registry.updatePerformanceMetrics(first.id, {
      tasksCompleted: 3,
      responseTime: 12,
    });
    expect(measured.performanceMetrics).toMatchObject({ tasksCompleted: 3, responseTime: 12, errorRate: 0 });
    expect((await registry.unregisterAgent(first.id)).status).toBe('inactive');
    expect((await registry.unregisterAgent(first.id)).status).toBe('inactive');
    expect((await system.listAgents({ status: 'inactive' })).map(({ id }) => id)).toEqual([first.id]);
    expect(await system.getAgent('nobody')).toBeUndefined();
    for (const call of [
      () => registry.updateAgent('nobody', {}),
      () => registry.unregisterAgent('nobody'),
      () => registry.grantPermission('nobody', 'memory', 3, ['read']),
      () => registry.updatePerformanceMetrics('nobody', {}),
    ])
      await expect(call()).rejects.toThrow('Agent not found: nobody');
    expect(await registry.cleanupInactiveAgents()).toEqual([]);
    expect(told).toEqual([
      ...['agentRegistered', 'agentRegistered', 'agentRegistered', 'agentUpdated', 'metricsUpdated'],
      ...['agentUnregistered', 'cleanup'],
    ]);
  });

  it('lets a team read what its members write, and nobody outside [CF-C27]', async () => {
    const system = await systemAlone();
    const registry = system.agentRegistry;
    const memory = system.memoryAdapter;
    const [one, two, three] = await Promise.all(
      ['One', 'Two', 'Three'].map((name) => registry.registerAgent({ name })),
    );
    await memory.set('before', 1, { agentId: one!.id });
    const team = await registry.createTeam({ name: 'Web', leaderId: one!.id, capabilities: ['ui'] });
    expect(team).toMatchObject({
      name: 'Web',
      leaderId: one!.id,
      members: [one!.id],
      capabilities: ['ui'],
      aclLevel: 2,
    });
    await registry.addAgentToTeam(two!.id, team.id);
    const again = await registry.addAgentToTeam(two!.id, team.id);
    expect(again.agent.teamId).toBe(team.id);
    expect(again.team.members).toHaveLength(2);
    await memory.set('plan', 'ours', { agentId: one!.id });
    expect(await memory.get('plan', { agentId: two!.id })).toBe('ours');
    expect(await memory.get('plan', { agentId: three!.id })).toBeNull();
    expect(await memory.get('before', { agentId: two!.id })).toBeNull();
    expect(await memory.get('before', { agentId: one!.id })).toBe(1);
    await registry.removeAgentFromTeam(two!.id, team.id);
    expect(await memory.get('plan', { agentId: two!.id })).toBeNull();
    expect(await registry.getTeamMembers(team.id)).toHaveLength(1);
    await expect(registry.addAgentToTeam('nobody', team.id)).rejects.toThrow('Agent not found: nobody');
    await expect(registry.addAgentToTeam(one!.id, 'none')).rejects.toThrow('Team not found: none');
    await expect(registry.getTeamMembers('none')).rejects.toThrow('Team not found: none');
  });

  it('answers questions about permissions, and opens no data by them [CF-C22] [CF-R08] [CF-R13] [CF-R15]', async () => {
    const system = await systemAlone();
    const memory = system.memoryAdapter;
    await system.registerAgent({ id: 'a', capabilities: ['execute', 'admin'] });
    await memory.set('secret', 1, { agentId: 'b', aclLevel: 1 });
    const may = (resource: string, action: string, level?: number) =>
      system.hasPermission('a', resource, action, level);
    expect(await may('memory', 'read')).toBe(true);
    expect(await may('consensus', 'vote')).toBe(true);
    expect(await may('memory', 'execute')).toBe(false);
    expect(await may('memory', 'read', 5)).toBe(false);
    expect(await may('constructor', 'read')).toBe(false);
    const permission = await system.grantPermission('a', 'memory', 3, ['execute']);
    expect(permission).toMatchObject({
      ...{ entityId: 'a', entityType: 'agent', resourceType: 'memory', resourceId: null, permissionLevel: 3 },
      ...{ actions: ['execute'], isActive: true, expiresAt: null, conditions: {} },
    });
    expect(await may('memory', 'execute')).toBe(true);
    expect(await may('memory', 'execute')).toBe(true);
    expect(await may('memory', 'execute', 1)).toBe(false);
    expect(await memory.get('secret', { agentId: 'a' })).toBeNull();
    // What was kept does not survive a change, here or elsewhere.
    await system.agentRegistry.revokePermission(permission.id);
    expect(await may('memory', 'execute')).toBe(false);
    await system.agentRegistry.unregisterAgent('a');
    expect(await may('memory', 'read')).toBe(false);
    expect(system.agentRegistry.getMetrics()).toMatchObject({ cacheHits: expect.any(Number) });
  });

  it('takes an agent of another swarm in beside its own', async () => {
    const dbPath = join(temporaryFolder(), 'swarm-memory.db');
    const [one, two] = [
      await systemAlone({ dbPath, swarmId: 's1' }),
      await systemAlone({ dbPath, swarmId: 's2' }),
    ];
    await one.registerAgent({ id: 'a', name: 'A' });
    await expect(two.memoryAdapter.set('k', 2, { agentId: 'a', aclLevel: 3 })).rejects.toThrow(
      'Access denied',
    );
    expect(await two.registerAgent({ id: 'a' })).toMatchObject({ name: 'A', swarmId: 's1' });
    await two.memoryAdapter.set('k', 2, { agentId: 'a', aclLevel: 3 });
    await one.memoryAdapter.set('k', 1, { agentId: 'a', aclLevel: 3 });
    const read = (agentId: string) =>
      [one, two].map(({ memoryAdapter }) => memoryAdapter.get('k', { agentId, aclLevel: 3 }));
    expect(await Promise.all(read('a'))).toEqual([1, 2]);
    await two.registerAgent({ id: 'b' });
    expect(await two.memoryAdapter.get('k', { agentId: 'b' })).toBe(2);
  });

  it('makes nobody inactive who works or stands for a role, and lets a system in again that was silent', async () => {
    const clock = new ManualClock();
    const dbPath = join(temporaryFolder(), 'swarm-memory.db');
    const other = await systemAlone({ dbPath, clock, agentId: 'other' });
    const one = await systemAlone({ dbPath, clock, agentId: 'one' });
    const { rookery } = (await one.memoryManager.session()).store;
    for (const agentId of ['works', 'silent']) await one.memoryAdapter.set('k', 1, { agentId });
    for (let i = 0; i < 3; i++) {
      clock.pass(1_500_000, rookery);
      await one.memoryAdapter.get('k', { agentId: 'works' });
      await one.listAgents();
    }
    expect(await one.agentRegistry.cleanupInactiveAgents()).toEqual(['other', 'silent']);
    expect(await one.memoryAdapter.get('k', { agentId: 'works' })).toBe(1);
    await one.memoryAdapter.set('k', 1, { agentId: 'product-owner', aclLevel: 5 });
    await expect(other.listAgents()).rejects.toThrow('Access denied');
    await other.gracefulShutdown();
    const again = await systemAlone({ dbPath, clock, agentId: 'other' });
    expect((await again.listAgents({ status: 'inactive' })).map(({ id }) => id)).toEqual(['silent']);
  });

  it('registers nothing of what it refuses, and names who is missing', async () => {
    const registry = (await systemAlone()).agentRegistry;
    await expect(registry.registerAgent({ id: 'a', status: 'odd' as never })).rejects.toThrow(
      'status: one of',
    );
    expect(await registry.getAgent('a')).toBeUndefined();
    await registry.registerAgent({ id: 'lead' });
    await expect(registry.createTeam({ name: 'Red', leaderId: 'lead', members: ['nobody'] })).rejects.toThrow(
      'Agent not found: nobody',
    );
  });

  it('appoints, and exports and imports what it knows', async () => {
    const system = await systemAlone();
    const registry = system.agentRegistry;
    await registry.registerAgent({ id: 'lead', name: 'Lead' });
    await registry.grantRole('lead', 'coordinator', { reason: 'leads' });
    await registry.registerAgent({ id: 'b' });
    await registry.grantRole('b', 'validator', { grantedBy: 'lead', expiresAt: Date.now() + 60_000 });
    await expect(registry.grantRole('lead', 'system', { grantedBy: 'lead' })).rejects.toThrow(
      'Access denied',
    );
    expect(await registry.listRoles('b')).toMatchObject([{ role: 'validator', grantedBy: 'lead' }]);
    expect(await registry.revokeRole('b', 'validator')).toBe(true);
    expect(await registry.revokeRole('b', 'validator')).toBe(false);
    await registry.createTeam({ id: 'red', name: 'Red', leaderId: 'lead', members: ['b'] });
    await registry.grantPermission('b', 'task', 3, ['execute']);
    const state = JSON.parse(JSON.stringify(await registry.exportState()));
    const other = await systemAlone();
    await other.agentRegistry.importState(state);
    await other.agentRegistry.importState(state);
    const again = await other.agentRegistry.exportState();
    expect(again.teams).toMatchObject([{ id: 'red', leaderId: 'lead', members: ['b', 'lead'] }]);
    expect(again.agents.map(({ id }) => id)).toEqual(state.agents.map(({ id }: { id: string }) => id));
    expect(again.permissions).toHaveLength(1);
    expect(await other.hasPermission('b', 'task', 'execute')).toBe(true);
    const elsewhere = await systemAlone({ swarmId: 'elsewhere' });
    await expect(elsewhere.agentRegistry.importState(state)).rejects.toThrow('State swarm ID mismatch');
  });
});
