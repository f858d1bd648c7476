import type { Mission, Sortie } from '../../src/domains/missions/model.ts';
import type { View } from '../../src/rookery.ts';

export interface Crew {
  readonly mission: Mission;
  readonly sorties: Sortie[];
}

/** A mission with sorties that are assigned to whoever makes it, one file each. */
export async function missionWith(view: View, count: number, title = 'Ship it'): Promise<Crew> {
  const mission = await view.missions.create({ title });
  const sorties: Sortie[] = [];
  for (let i = 0; i < count; i++) {
    const { sortie } = await view.sorties.create({
      title: `Part ${i}`,
      missionId: mission.id,
      assignedTo: view.principal.agent,
      files: [`src/${title}/${i}.ts`],
    });
    sorties.push(sortie);
  }
  return { mission, sorties };
}

/** Starts and completes a sortie; answers what completing did. */
export async function finish(view: View, id: string) {
  await view.sorties.start({ id });
  return (await view.sorties.complete({ id, result: { ok: true } }))!;
}

/** The types of all events of a stream, oldest first. */
export async function eventTypes(view: View, streamType: string, streamId: string): Promise<string[]> {
  const { events } = await view.mail.eventsOf({ streamType, streamId, limit: 1000 });
  return events.map(({ type }) => type);
}
