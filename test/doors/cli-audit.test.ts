import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Finding, Verified } from '../../src/kernel/ledger/findings.ts';
import { cli, run, serve, temporaryFolder } from '../support/processes.ts';
import { tamper } from '../support/tampering.ts';

it('names what was changed by plain SQL, in the file and through a server beside it, and ends with 1 [A4]', async () => {
  const data = temporaryFolder();
  const server = await serve(data);
  const set = (key: string, value: string) => cli('memory', 'set', key, value, '--data', data);
  const written = await Promise.all([set('plan', '{"step":1}'), set('other', '2')]);
  expect(written.map(({ status }) => status)).toEqual([0, 0]);
  const headers = { Authorization: `Bearer ${server.token}` };
  const got = await fetch(`${server.url}/api/v1/memory/default/plan`, { headers });
  expect(await got.json()).toMatchObject({ value: { step: 1 } });
  expect((await cli('audit', 'verify', '--data', data)).status).toBe(0);

  tamper(join(data, 'rookery.db'), (raw) => {
    expect(raw.run(`UPDATE memory SET value = '{"step":2}' WHERE key = 'plan'`)).toBe(1);
    const [row] = raw.all<{ seq: number }>(
      "SELECT seq FROM audit_log WHERE operation = 'memory.set' LIMIT 1",
    );
    const forged = "UPDATE audit_log SET entry = replace(entry, 'local', 'eve') WHERE seq = ?";
    expect(raw.run(forged, row!.seq)).toBe(1);
  });

  const verified = await cli('audit', 'verify', '--data', data);
  const { ok, findings }: Verified = verified.json.data;
  expect([verified.status, ok]).toEqual([1, false]);
  expect(findings.map(({ kind }) => kind)).toEqual(
    expect.arrayContaining(['entry-changed', 'state-changed']),
  );
  expect(findings).toContainEqual(
    expect.objectContaining({ kind: 'state-changed', subject: expect.stringContaining('default/plan') }),
  );
  const entry = findings.find(({ kind }) => kind === 'entry-changed')!;
  expect(entry.subject).toBe(`entry ${entry.seq}`);

  const [shown, remote] = await Promise.all([
    run('bin/rookery.js', ['audit', 'verify', '--data', data]),
    run('bin/rookery.js', ['audit', 'verify', '--url', server.url], { ROOKERY_TOKEN: server.token }),
  ]);
  for (const { status, stdout } of [shown, remote]) {
    expect(status).toBe(1);
    const lines = stdout.split('\n');
    const names =
      ({ kind, subject }: Finding) =>
      (line: string) =>
        line.includes(kind) && line.includes(subject);
    expect(findings.filter((finding) => !lines.some(names(finding)))).toEqual([]);
  }
});
