import type { Answer, SquawkServerUnderTest } from './squawk.ts';

/** Status and body. */
export const plain = ({ status, body }: Answer) => [status, body];

/** A mission with sorties of spec-a, one file each, and how to go on with them. */
export async function begun(server: SquawkServerUnderTest, sorties = 4) {
  await server.post('/api/v1/specialists/register', { specialist_id: 'spec-a', name: 'A' });
  const { mission } = (await server.post('/api/v1/missions', { title: 'Ship it' })).body;
  const ids: string[] = [];
  for (let i = 0; i < sorties; i++) {
    const body = {
      title: `Part ${i}`,
      mission_id: mission.id,
      assigned_to: 'spec-a',
      files: [`src/${i}.ts`],
    };
    ids.push((await server.post('/api/v1/sorties', body)).body.sortie.id);
  }
  const start = (i: number) => server.post(`/api/v1/sorties/${ids[i]}/start`, { specialist_id: 'spec-a' });
  const complete = (i: number) => server.post(`/api/v1/sorties/${ids[i]}/complete`, { result: { ok: true } });
  return { mission, ids, start, complete };
}
