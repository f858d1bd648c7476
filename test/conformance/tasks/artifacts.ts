import { expect, it } from 'vitest';
import type { Harness } from '../../engines/index.ts';
import { execute, select } from '../../support/statements.ts';
import { claim } from '../../support/tasks.ts';

const sha256 = 'ab'.repeat(32);

export function artifactSuite(harness: Harness): void {
  it('keeps references, with a task when it is completed or alone, for its audience', async () => {
    const rookery = await harness.open();
    await rookery.fleet.register({ id: 'a', team: 'red' });
    const [a, b] = [rookery.as('a'), rookery.as('b')];
    await a.tasks.create({ id: 'x', title: 'x', level: 'team' });
    const { held } = await claim(a);
    await a.tasks.complete({
      ...held,
      artifacts: [{ id: 'code', name: 'main.ts', type: 'code', path: 'src/main.ts', sha256, sizeBytes: 12 }],
    });
    expect(await a.artifacts.get({ id: 'code' })).toMatchObject({
      task: 'x',
      level: 'team',
      path: 'src/main.ts',
      sha256,
      sizeBytes: 12,
    });
    expect(await b.artifacts.get({ id: 'code' })).toBeNull();
    const report = { id: 'report', name: 'report', url: 'https://example.org/r', metadata: { pages: 3 } };
    await b.artifacts.add(report);
    await a.artifacts.add({ id: 'notes', name: 'notes', task: 'x', s3Path: 's3://bucket/notes' });
    await expect(b.artifacts.add({ name: 'n', task: 'x' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(b.artifacts.add(report)).rejects.toMatchObject({ code: 'REVISION_CONFLICT' });
    const ids = async (view: typeof a, input = {}) =>
      (await view.artifacts.list(input)).artifacts.map(({ id }) => id);
    expect(await ids(b, { limit: 1 })).toEqual(['report']);
    expect(await ids(a)).toEqual(['code', 'notes', 'report']);
    expect(await ids(a, { task: 'x' })).toEqual(['code', 'notes']);
    expect(await ids(a, { type: 'code' })).toEqual(['code']);
    expect((await a.artifacts.list({ limit: 2 })).nextCursor).toBe('notes');
    expect(await b.artifacts.remove({ id: 'code' })).toEqual({ removed: false });
    expect(await a.artifacts.remove({ id: 'notes' })).toEqual({ removed: true });
    expect(await ids(a)).toEqual(['code', 'report']);
    expect(await rookery.audit.verify()).toMatchObject({ ok: true, findings: [] });
    await execute(rookery, "UPDATE artifacts SET url = 'https://example.org/other' WHERE id = 'report'");
    expect(await rookery.audit.verify()).toMatchObject({ ok: false, findings: [{ kind: 'state-changed' }] });
  });

  it('takes the statements that seed 003 prints for tasks and artifacts [DN-C04]', async () => {
    const rookery = await harness.open();
    const a = rookery.as('a');
    await execute(
      rookery,
      `INSERT INTO artifacts (id, project_id, name, s3_path, size_bytes)
       VALUES ('artifact-123', 'project-123', 'spec.md', 's3://bucket/spec.md', 52000)`,
    );
    const [row] = await select<{ type: string; created_at: number; metadata: string }>(
      rookery,
      "SELECT type, created_at, metadata, sha256, local_path, url, task_id FROM artifacts WHERE project_id = 'project-123'",
    );
    expect(row).toMatchObject({ type: 'other', metadata: '{}' });
    expect(Math.abs(row!.created_at - Date.now())).toBeLessThan(60_000);
    const columns = 'id, project_id, description, status, assigned_to, princess_id, drone_id, created_at';
    await execute(
      rookery,
      `INSERT INTO tasks (${columns}, completed_at, result, metadata)
       VALUES ('t', 'default', 'do it', 'completed', 'coder', 'princess', 'drone', 5, 6, '{"ok":true}', '{}')`,
    );
    await execute(rookery, "INSERT INTO tasks (id, description) VALUES ('u', 'later')");
    expect((await a.tasks.get({ task: 't' }))!).toMatchObject({
      description: 'do it',
      status: 'completed',
      assignee: 'coder',
      result: { ok: true },
    });
    // What no operation wrote is shown, handed out to nobody, and found by an audit.
    expect(await a.tasks.get({ task: 'u' })).toMatchObject({ status: 'pending', payload: null });
    expect(await a.tasks.claim()).toBeNull();
    const { findings } = await rookery.audit.verify();
    expect(findings.map(({ kind }) => kind)).toEqual(['state-foreign', 'state-foreign']);
  });
}
