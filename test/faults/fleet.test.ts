import { expect, it } from 'vitest';
import { deadAfterMs } from '../../src/kernel/access/presence.ts';
import { openRookery } from '../../src/rookery.ts';
import { hurried } from '../support/clock.ts';
import { ended, start, temporaryFolder } from '../support/processes.ts';
import { select } from '../support/statements.ts';
import { until } from '../support/until.ts';

interface Line {
  readonly ready?: string;
  readonly token?: number;
  readonly dead?: string;
  readonly fallen?: string;
  readonly won?: { successor: string; token: number; moved: number };
  readonly refused?: string;
}

it('has one death and one successor with five monitors in five processes; who was stopped is fenced off [PR2, PR3, SG5, SG-x5]', {
  timeout: 180_000,
}, async () => {
  const folder = temporaryFolder();
  const beginning = Date.now();
  await using rookery = await openRookery({ path: folder, clock: hurried(beginning) });
  await rookery.fleet.register({ id: 'mortal' });
  await rookery.as('mortal').locks.acquire({ path: 'f', ttlMs: null });
  const born = (await rookery.fleet.get({ id: 'mortal' }))!.lastSeen;
  const said: Line[] = [];
  const process = (name: string, role: string) => {
    const child = start('test/faults/children/monitor.ts', [folder, name, role, String(beginning)]);
    void (async () => {
      for await (const line of child.lines) said.push(JSON.parse(line) as Line);
    })();
    return child;
  };
  const lead = process('lead-agent', 'coordinator');
  const told = <Key extends keyof Line>(key: Key) => said.flatMap((line) => line[key] ?? []);
  await until('the coordinator is there', () => told('token').length === 1, 60_000);
  for (let i = 0; i < 5; i++) process(`m${i}`, 'monitor');
  await until('the monitors look', () => told('ready').length === 6, 60_000);
  lead.process.kill('SIGSTOP');
  await until('somebody has taken over', () => told('won').length > 0, 60_000);
  await until('the death was told', () => told('dead').includes('mortal'), 60_000);
  lead.process.kill('SIGCONT');
  await until('the former one has noticed', () => told('refused').length > 0, 60_000);
  expect(told('refused')).toEqual(['FENCED']);
  expect(await ended(lead.process)).toBe(0);
  expect(told('won')).toMatchObject([{ moved: 1 }]);
  expect((told('won')[0] as Required<Line>['won']).token).toBeGreaterThan(told('token')[0]!);
  expect(told('fallen')).toEqual(['lead']);
  expect(told('dead').filter((agent) => agent === 'mortal')).toEqual(['mortal']);
  const deaths = await select<{ entry: string }>(
    rookery,
    "SELECT entry FROM audit_log WHERE operation = 'fleet.death' AND entity_id = 'mortal'",
  );
  expect(deaths).toHaveLength(1);
  expect((JSON.parse(deaths[0]!.entry) as { time: number }).time - born).toBeGreaterThanOrEqual(deadAfterMs);
  expect((await rookery.locks.acquire({ path: 'f' })).state).toBe('granted');
  expect((await rookery.audit.verify()).findings).toEqual([]);
});
