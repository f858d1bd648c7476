import { writeSync } from 'node:fs';
import { openRookery, type View } from '../../../src/rookery.ts';

/**
 * Goes on with a mission of four sorties from wherever the store says it is, and prints a line for each step that was
 * acknowledged, until it is complete.
 */
async function step({ missions, sorties }: View): Promise<string | undefined> {
  const [mission] = (await missions.list({})).missions;
  if (!mission) return `mission ${(await missions.create({ title: 'Ship it' })).id}`;
  const all = (await sorties.list({ missionId: mission.id })).sorties;
  if (all.length < 4) {
    const { sortie } = await sorties.create({ title: `Part ${all.length}`, missionId: mission.id });
    return `sortie ${sortie.id}`;
  }
  const open = all.find(({ status }) => status !== 'completed');
  if (open?.status === 'pending') return `started ${(await sorties.start({ id: open.id }))!.sortie.id}`;
  if (open && open.progress < 50)
    return `progress ${(await sorties.progress({ id: open.id, progress: 50 }))!.sortie.id}`;
  if (open) return `completed ${(await sorties.complete({ id: open.id }))!.mission!.completedSorties}`;
  if (mission.status === 'completed') return undefined;
  return `mission ${(await missions.complete({ id: mission.id }))!.status}`;
}

const rookery = await openRookery({ path: process.argv[2]! });
const view = rookery.as('spec-a');
for (let said = await step(view); said !== undefined; said = await step(view)) writeSync(1, `${said}\n`);
await rookery.close();
