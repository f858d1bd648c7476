import { expect } from 'vitest';
import type { Rookery, View } from '../../../src/rookery.ts';

export type Event = Awaited<ReturnType<View['audit']['feed']>>['events'][number];

/** Every entry there is, as an administrator exports it. */
export async function exported(rookery: Rookery, limit = 1000): Promise<{ seq: number; entry: string }[]> {
  const entries: { seq: number; entry: string }[] = [];
  for (let from: number | null = 0; from !== null; ) {
    const page: Awaited<ReturnType<Rookery['audit']['export']>> = await rookery.audit.export({ from, limit });
    entries.push(...page.entries);
    from = page.next;
  }
  return entries;
}

/** The feed from a position to its end, page by page. */
export async function followed(
  view: View,
  options: { from?: number; limit?: number; operation?: string } = {},
) {
  const pages: Event[][] = [];
  let { from = 0 } = options;
  for (;;) {
    const { events, next, head } = await view.audit.feed({ ...options, from });
    expect(next).toBeGreaterThanOrEqual(from);
    if (events.length > 0) pages.push(events);
    if (next >= head) return { pages, events: pages.flat(), next };
    expect(next).toBeGreaterThan(from);
    from = next;
  }
}

/** A fleet with two teams, each agent writing at every level. */
export async function busyFleet(rookery: Rookery): Promise<View[]> {
  await rookery.fleet.createTeam({ id: 'red' });
  await rookery.fleet.createTeam({ id: 'blue' });
  for (const [id, team] of [
    ['ada', 'red'],
    ['bob', 'red'],
    ['cyd', 'blue'],
  ] as const)
    await rookery.fleet.register({ id, team });
  const views = ['ada', 'bob', 'cyd'].map((agent) => rookery.as(agent));
  await Promise.all(
    views.flatMap((view, i) =>
      (['private', 'team', 'swarm', 'project'] as const).map((level) =>
        view.memory.set({ key: `k${i}`, value: i, level }),
      ),
    ),
  );
  await views[0]!.memory.mset({
    level: 'project',
    entries: Array.from({ length: 7 }, (_, n) => ({ key: `many-${n}`, value: n })),
  });
  await views[2]!.memory.get({ key: 'k0', level: 'private', audience: 'ada' });
  return views;
}
