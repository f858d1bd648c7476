import { expect, it } from 'vitest';
import { openRookery } from '../../src/rookery.ts';
import { ended, run, serve, start, temporaryFolder } from '../support/processes.ts';

it('lets 160 processes open a new file at once [KV-x2]', { timeout: 240_000 }, async () => {
  const folder = temporaryFolder();
  const finished = await Promise.all(
    Array.from({ length: 160 }, (_, i) => run('test/faults/children/open.ts', [folder, `opener-${i}`])),
  );
  expect(finished.filter(({ status }) => status !== 0).map(({ stderr }) => stderr)).toEqual([]);
  await using rookery = await openRookery({ path: folder });
  expect((await rookery.memory.keys({ limit: 1000 })).keys).toHaveLength(160);
});

it('lets 8 processes write 1,000 values each, none failing with a lock error [D8]', {
  timeout: 120_000,
}, async () => {
  const folder = temporaryFolder();
  const finished = await Promise.all(
    Array.from({ length: 8 }, (_, i) =>
      run('test/faults/children/writer.ts', [folder, `writer-${i}`, '1000', '10']),
    ),
  );
  expect(finished.map(({ stderr }) => stderr).join('')).toBe('');
  expect(finished.map(({ status }) => status)).toEqual(Array(8).fill(0));
  await using rookery = await openRookery({ path: folder });
  for (let i = 0; i < 8; i++) {
    let seen = 0;
    let cursor: string | null = '';
    while (cursor !== null) {
      const page = await rookery.memory.keys({ pattern: `writer-${i}-*`, limit: 1000, cursor });
      seen += page.keys.length;
      cursor = page.nextCursor;
    }
    expect(seen).toBe(1000);
  }
  expect(await rookery.audit.verify({})).toMatchObject({ ok: true, findings: [] });
});

it('loses no acknowledged write to kill -9 [D1, ST6]', { timeout: 120_000 }, async () => {
  const folder = temporaryFolder();
  const acknowledged = new Set<string>();
  for (let cycle = 0; cycle < 6; cycle++) {
    const writers = [0, 1].map((i) =>
      start('test/faults/children/writer.ts', [folder, `c${cycle}w${i}`, 'forever', '20']),
    );
    await Promise.all(
      writers.map(async (writer) => {
        let seen = 0;
        for await (const line of writer.lines) {
          acknowledged.add(line);
          // Somewhere in the middle of its work, at another place in every cycle.
          if (++seen === 150 + 37 * cycle) writer.process.kill('SIGKILL');
        }
        await ended(writer.process);
      }),
    );
  }
  expect(acknowledged.size).toBeGreaterThan(2000);
  await using rookery = await openRookery({ path: folder });
  const present = new Set<string>();
  let cursor: string | null = '';
  while (cursor !== null) {
    const page = await rookery.memory.keys({ limit: 1000, cursor });
    for (const { key } of page.keys) present.add(key);
    cursor = page.nextCursor;
  }
  expect([...acknowledged].filter((key) => !present.has(key))).toEqual([]);
  expect(await rookery.audit.verify({})).toMatchObject({ ok: true, findings: [] });
});

it('serves one folder from two servers that see each other’s writes', { timeout: 60_000 }, async () => {
  const folder = temporaryFolder();
  const [a, b] = await Promise.all([serve(folder), serve(folder)]);
  expect(a.token).toBe(b.token);
  const headers = { Authorization: `Bearer ${a.token}`, 'Content-Type': 'application/json' };
  const put = await fetch(`${a.url}/api/v1/memory/default/shared`, {
    method: 'PUT',
    headers,
    body: '{"value": 7}',
  });
  expect(put.status).toBe(200);
  const got = await fetch(`${b.url}/api/v1/memory/default/shared`, { headers });
  expect(await got.json()).toMatchObject({ value: 7, revision: 1 });
});
