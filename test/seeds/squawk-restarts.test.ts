import { expect, it } from 'vitest';
import { type Answer, type SquawkServerUnderTest, squawkServer } from '../support/squawk.ts';

type Step = (server: SquawkServerUnderTest, seen: readonly Answer[]) => Promise<Answer>;

const append =
  (body: object): Step =>
  (server) =>
    server.post('/api/v1/mailbox/append', body);
const advance =
  (body: object): Step =>
  (server) =>
    server.post('/api/v1/cursor/advance', { stream_id: 's', ...body });
const acquire =
  (specialist_id: string, body: object = {}): Step =>
  (server) =>
    server.post('/api/v1/lock/acquire', { file: 'src/app.ts', specialist_id, ...body });
const release =
  (of: number, specialist_id?: string): Step =>
  (server, seen) =>
    server.post('/api/v1/lock/release', { lock_id: seen[of]!.body.lock.id, specialist_id });
const get =
  (path: string): Step =>
  (server) =>
    server.get(path);
const later =
  (step: Step, milliseconds: number): Step =>
  (server, seen) => {
    server.clock.advance(milliseconds);
    return step(server, seen);
  };

/** SQ-C10 to SQ-C17 as one story; steps that need an earlier answer name it by its number. */
const story: readonly Step[] = [
  append({ stream_id: 's', events: [{ type: 'a', data: { n: 1 }, correlation_id: 'c-1' }] }),
  append({
    stream_id: 's',
    events: [
      { type: 'b', data: 2 },
      { type: 'c', data: null },
    ],
  }),
  get('/api/v1/mailbox/s'),
  append({ stream_id: 'bad', events: [{ type: 'a', data: 1 }, { data: 2 }] }),
  get('/api/v1/mailbox/bad'),
  get('/api/v1/mailbox/s?after=1&limit=1'),
  advance({ position: 2 }),
  advance({ position: 1 }),
  advance({ position: 4 }),
  advance({ position: 1, consumer_id: 'b' }),
  advance({ position: 1, reset: true }),
  get('/api/v1/cursor/s_cursor'),
  acquire('spec-a'),
  acquire('spec-b'),
  acquire('spec-a', { timeout_ms: 60_000 }),
  release(12, 'spec-b'),
  later(release(12, 'spec-a'), 5),
  later(release(12, 'spec-a'), 5),
  acquire('spec-a', { timeout_ms: 200 }),
  later(acquire('spec-b'), 250),
  release(18, 'spec-a'),
  get('/api/v1/locks'),
  get('/api/v1/coordinator/status'),
];

async function tell(restarting: boolean): Promise<string[]> {
  const server = await squawkServer();
  const seen: Answer[] = [];
  for (const step of story) {
    if (restarting) await server.restart();
    seen.push(await step(server, seen));
  }
  return seen.map(({ status, text }) => `${status} ${text}`);
}

/** Random ids by the order in which they turn up. */
function withoutIds(lines: readonly string[]): string[] {
  const ids = new Map<string, string>();
  const stand = (id: string) => {
    ids.set(id, ids.get(id) ?? `id-${ids.size}`);
    return ids.get(id)!;
  };
  return lines.map((line) => line.replace(/(evt|lock|cur)_[0-9a-z]{36}/g, stand));
}

it('answers the same with a restart before every step [SQ-C19]', async () => {
  const [straight, restarted] = [withoutIds(await tell(false)), withoutIds(await tell(true))];
  expect(restarted).toEqual(straight);
  expect(straight.map((line) => Number(line.slice(0, 3)))).toEqual([
    200, 200, 200, 400, 404, 200, 200, 200, 400, 200, 200, 200, 200, 409, 200, 403, 200, 200, 200, 200, 409,
    200, 200,
  ]);
});
