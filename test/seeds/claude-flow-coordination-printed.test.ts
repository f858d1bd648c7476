import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, it } from 'vitest';
import { freePort, onRedis } from '../engines/redis.ts';
import { run, temporaryFolder } from '../support/processes.ts';

async function printed(redisPort: number, path: string) {
  const env = { SQLITE_DB_PATH: path, TEST_REDIS_PORT: String(redisPort), BLOCKING_COORDINATION_SECRET: '' };
  const child = await run('test/seeds/children/coordination-printed.mjs', [], env);
  expect({ status: child.status, errors: child.stderr.match(/Error.*/g) }).toEqual({
    status: 0,
    errors: null,
  });
  return JSON.parse(child.stdout.trim().split('\n').at(-1)!);
}

const acknowledged = {
  coordinatorId: 'coordinator-1',
  signalId: 'signal-123',
  status: 'received',
  timestamp: expect.any(Number),
  iteration: 0,
  signature: expect.stringMatching(/^[0-9a-f]{64}$/),
  metadata: { signalType: 'completion', phase: 'auth' },
};

function auditRows(path: string): unknown[] {
  const db = new DatabaseSync(path, { readOnly: true });
  const rows = db
    .prepare(
      `SELECT action, entity_type, entity_id, risk_level, category, acl_level, changed_by
       FROM audit_log WHERE action = 'signal_ack_sent'`,
    )
    .all();
  db.close();
  return rows.map((row) => ({ ...row }));
}

const auditRow = {
  action: 'signal_ack_sent',
  entity_type: 'event',
  entity_id: 'signal-123',
  risk_level: 'low',
  category: 'blocking-coordination',
  acl_level: 4,
  changed_by: 'coordinator-1',
};

onRedis('seed 000, example 5 as printed, with Redis', (server) => {
  it('acknowledges once, also after a restart, with one audit row and a copy in Redis [CF-C07, CF-C08]', async () => {
    const path = join(temporaryFolder(), 'cfn-loop-memory.db');
    const first = await printed(server().port, path);
    expect(first.ack).toEqual(acknowledged);
    expect(first.again).toEqual(first.ack);
    expect(first.metrics).toMatchObject({ auditLogsWritten: 1, auditLogsFailed: 0, hooksExecuted: 0 });
    const restarted = await printed(server().port, path);
    expect(restarted.ack).toEqual(first.ack);
    expect(auditRows(path)).toEqual([auditRow]);
    const client = server().client();
    const key = 'blocking:ack:coordinator-1:signal-123';
    expect(JSON.parse((await client.get(key))!)).toMatchObject({
      coordinatorId: 'coordinator-1',
      status: 'received',
    });
    expect(await client.ttl(key)).toBeGreaterThan(3000);
  });
});

it('seed 000, example 5 as printed, with Redis unreachable [CF-C07]', async () => {
  const path = join(temporaryFolder(), 'cfn-loop-memory.db');
  const { ack, again } = await printed(await freePort(), path);
  expect(ack).toEqual(acknowledged);
  expect(again).toEqual(ack);
  expect(auditRows(path)).toEqual([auditRow]);
});
