import { expect, it } from 'vitest';
import type { Harness } from '../engines/index.ts';
import { ManualClock } from '../support/clock.ts';
import { errorOf } from '../support/ledger.ts';
import { execute, select } from '../support/statements.ts';

/** What becomes of agents: their history, their figures, their teams. */
export function agentsSuite(harness: Harness): void {
  it('tells the history of an agent newest first, with figures and labels [CF-C06]', async () => {
    const rookery = await harness.open();
    const spawned = await rookery.fleet.spawn({ id: 'a', name: 'A', type: 'coder', level: 'private' });
    expect(spawned).toMatchObject({
      type: 'coder',
      level: 'private',
      capabilities: ['implementation', 'debugging'],
    });
    const a = rookery.as('a');
    await a.fleet.reportConfidence({ confidence: 0.8, reasoning: 'tests pass', phase: 'auth', iteration: 1 });
    expect(await a.fleet.reportConfidence({ confidence: 0.9, phase: 'auth', iteration: 2 })).toMatchObject({
      agent: 'a',
      averageConfidence: expect.closeTo(0.85, 12),
    });
    expect(await a.fleet.reportError({ message: 'disk full' })).toMatchObject({ errors: 1 });
    expect(await a.fleet.terminate({ agent: 'a', reason: 'fatal error' })).toMatchObject({
      status: 'terminated',
    });
    const types = async (filter = {}) =>
      (await rookery.fleet.lifecycle({ agent: 'a', ...filter })).events.map(({ type }) => type);
    expect(await types()).toEqual(['terminate', 'error', 'confidence_update', 'confidence_update', 'spawn']);
    expect(await types({ types: ['spawn', 'error'] })).toEqual(['error', 'spawn']);
    const page = await rookery.fleet.lifecycle({ agent: 'a', limit: 2 });
    const rest = await rookery.fleet.lifecycle({ agent: 'a', limit: 2, cursor: page.nextCursor! });
    expect(rest.events).toMatchObject([
      { type: 'confidence_update', phase: 'auth', iteration: 2, agentType: 'coder', swarm: 'default' },
      { data: { confidence: 0.8, reasoning: 'tests pass' } },
    ]);
    expect(await rookery.fleet.performance({ agent: 'a' })).toMatchObject({
      confidence: 0.9,
      errors: 1,
      phase: 'auth',
      iteration: 2,
      progressAt: expect.any(Number),
    });
    const labels = await select<{ action: string; risk_level: string }>(
      rookery,
      "SELECT action, risk_level FROM audit_log WHERE category = 'agent-lifecycle' AND entity_id = 'a' ORDER BY seq",
    );
    expect(labels.map(({ action, risk_level }) => `${action} ${risk_level}`)).toEqual([
      'spawn low',
      'confidence_update low',
      'confidence_update low',
      'error medium',
      'terminate high',
    ]);
    expect((await rookery.audit.verify()).findings).toEqual([]);
  });

  it('shows of a history what its reader may see, and makes who is first named', async () => {
    const rookery = await harness.open();
    const [a, b] = [rookery.as('a'), rookery.as('b')];
    await a.fleet.reportConfidence({ confidence: 0.5, reasoning: 'between us', level: 'private' });
    await a.fleet.reportConfidence({ confidence: 0.6 });
    expect((await a.fleet.lifecycle({ agent: 'a' })).events).toHaveLength(2);
    expect((await b.fleet.lifecycle({ agent: 'a' })).events).toMatchObject([{ data: { confidence: 0.6 } }]);
    const texts = await select<{ data: string }>(
      rookery,
      "SELECT data FROM events WHERE stream_type = 'agent'",
    );
    expect(JSON.stringify(texts)).not.toContain('between us');
    await rookery.fleet.reportConfidence({ agent: 'unheard-of', confidence: 1 });
    expect((await rookery.fleet.get({ id: 'unheard-of' }))?.type).toBe('coder');
    for (const confidence of [-0.1, 1.1, Number.NaN])
      expect((await errorOf(a.fleet.reportConfidence({ confidence }))).details['field']).toBe('confidence');
    for (const { code } of await Promise.all(
      [
        b.fleet.reportConfidence({ agent: 'a', confidence: 1 }),
        b.fleet.reportError({ agent: 'a', message: 'x' }),
        b.fleet.terminate({ agent: 'a' }),
        b.fleet.updatePerformance({ agent: 'a', tasksCompleted: 9 }),
      ].map(errorOf),
    ))
      expect(code).toBe('FORBIDDEN');
    expect(await rookery.fleet.terminate({ agent: 'nobody' })).toBeNull();
    expect(await rookery.fleet.performance({ agent: 'nobody' })).toBeNull();
  });

  it('keeps figures that SQL can read and edits of which are found', async () => {
    const rookery = await harness.open();
    const a = rookery.as('a');
    await a.fleet.updatePerformance({ agent: 'a', tasksCompleted: 3, responseTimeMs: 12.5, errorRate: 0.25 });
    await a.fleet.updatePerformance({ agent: 'a', tasksCompleted: 4 });
    expect(await a.fleet.performance({ agent: 'a' })).toMatchObject({
      tasksCompleted: 4,
      responseTimeMs: 12.5,
      errorRate: 0.25,
      confidence: null,
    });
    const rows = await select<{ metric_name: string; metric_value: number }>(
      rookery,
      "SELECT metric_name, metric_value FROM metrics WHERE entity_id = 'a' ORDER BY metric_name",
    );
    expect(
      Object.fromEntries(rows.map(({ metric_name, metric_value }) => [metric_name, metric_value])),
    ).toEqual({
      average_confidence: 0,
      error_rate: 0.25,
      errors: 0,
      response_time_ms: 12.5,
      tasks_completed: 4,
    });
    expect((await rookery.audit.verify()).findings).toEqual([]);
    await execute(rookery, 'UPDATE agent_performance SET tasks_completed = 100');
    const { findings } = await rookery.audit.verify();
    expect(new Set(findings.map(({ kind, subject }) => `${kind} ${subject}`))).toEqual(
      new Set(['state-changed figures of a']),
    );
  });

  it('makes inactive who was silent for long, and nobody else [PR-x2]', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    for (const id of ['gone', 'here']) await rookery.fleet.register({ id });
    clock.pass(3_500_000, rookery);
    await rookery.as('here').fleet.heartbeat();
    expect((await rookery.fleet.cleanup()).agents).toEqual([]);
    clock.pass(100_000, rookery);
    expect((await errorOf(rookery.as('here').fleet.cleanup())).code).toBe('FORBIDDEN');
    expect((await rookery.fleet.cleanup()).agents).toEqual(['gone']);
    expect((await rookery.fleet.cleanup()).agents).toEqual([]);
    expect((await rookery.fleet.get({ id: 'gone' }))?.status).toBe('inactive');
    await rookery.as('here').fleet.heartbeat();
    expect((await rookery.fleet.list({ presence: 'alive' })).agents.map(({ id }) => id)).toEqual(['here']);
    expect((await rookery.fleet.list({ presence: 'dead' })).agents.map(({ id }) => id)).toContain('gone');
  });

  it('has teams with a leader, who says who is in them [CF-C27]', async () => {
    const rookery = await harness.open();
    for (const id of ['lead', 'm1', 'm2', 'x']) await rookery.fleet.register({ id });
    const team = await rookery.fleet.createTeam({
      name: 'Builders',
      leader: 'lead',
      members: ['m1', 'lead'],
    });
    expect(team).toMatchObject({ name: 'Builders', leader: 'lead' });
    const inTeam = async (id = team.id) => (await rookery.fleet.members({ team: id })).members;
    expect(await inTeam()).toEqual(['lead', 'm1']);
    const [lead, m1, x] = [rookery.as('lead'), rookery.as('m1'), rookery.as('x')];
    const m2 = { team: team.id, agent: 'm2' };
    expect(await lead.fleet.addToTeam(m2)).toEqual({ ...m2, changed: true });
    expect(await lead.fleet.addToTeam(m2)).toEqual({ ...m2, changed: false });
    await lead.memory.set({ key: 'plan', value: 'ours', level: 'team' });
    expect((await rookery.as('m2').memory.get({ key: 'plan' }))?.value).toBe('ours');
    expect(await x.memory.get({ key: 'plan' })).toBeNull();
    for (const { code } of await Promise.all(
      [
        m1.fleet.addToTeam({ team: team.id, agent: 'x' }),
        m1.fleet.removeFromTeam({ team: team.id, agent: 'm2' }),
        x.fleet.addToTeam({ team: team.id, agent: 'x' }),
        m1.fleet.updateTeam({ id: team.id, leader: 'm1' }),
        lead.fleet.updateTeam({ id: team.id, leader: 'x' }),
        x.fleet.createTeam({ id: 'theirs', leader: 'm1' }),
        x.fleet.createTeam({ id: 'other', members: ['m2'] }),
      ].map(errorOf),
    ))
      expect(code).toBe('FORBIDDEN');
    // A team of one's own may be founded; who is in another team has to leave it first.
    await x.fleet.createTeam({ id: 'own', leader: 'x' });
    expect(await inTeam('own')).toEqual(['x']);
    expect((await errorOf(x.fleet.addToTeam({ team: 'own', agent: 'm1' }))).code).toBe('FORBIDDEN');
    await m1.fleet.removeFromTeam({ team: team.id, agent: 'm1' });
    expect((await x.fleet.addToTeam({ team: 'own', agent: 'm1' })).changed).toBe(true);
    // The post of a leader passes on, and ends with the membership.
    expect((await lead.fleet.updateTeam({ id: team.id, leader: 'm2' }))?.leader).toBe('m2');
    expect((await errorOf(lead.fleet.removeFromTeam(m2))).code).toBe('FORBIDDEN');
    await rookery.fleet.removeFromTeam(m2);
    expect((await rookery.fleet.team({ id: team.id }))?.leader).toBeNull();
    await rookery.fleet.update({ id: 'x', team: null });
    expect((await errorOf(x.fleet.addToTeam({ team: 'own', agent: 'm2' }))).code).toBe('FORBIDDEN');
    expect((await errorOf(rookery.fleet.addToTeam({ team: 'none', agent: 'x' }))).code).toBe('NOT_FOUND');
    expect((await errorOf(rookery.fleet.addToTeam({ team: 'own', agent: 'none' }))).code).toBe('NOT_FOUND');
  });
}
