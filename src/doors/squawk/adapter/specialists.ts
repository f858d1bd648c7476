import * as fleet from '../../../domains/fleet/specialists/operations.ts';
import { type Specialist, specialistOf } from '../shapes.ts';
import { everySpecialist } from '../specialists.ts';
import { type As, jsonOf, known } from './calls.ts';

export interface NewSpecialist {
  readonly id?: string | null;
  readonly specialist_id?: string | null;
  readonly name: string;
  readonly capabilities?: readonly string[] | string | null;
  readonly metadata?: Readonly<Record<string, unknown>> | string | null;
}

export function specialistTable(as: As) {
  const heartbeat = async (id: string, status?: string): Promise<Specialist | null> => {
    const specialist = await as(id)(fleet.heartbeat, { id, status });
    return specialist && specialistOf(specialist);
  };
  return {
    /** Registers a specialist, or says again what it is. */
    async register({ id, specialist_id, name, capabilities, metadata }: NewSpecialist): Promise<Specialist> {
      const given = known(specialist_id ?? id);
      return specialistOf(
        await as(given)(fleet.register, {
          id: given,
          name,
          capabilities: known(jsonOf(capabilities)),
          metadata: known(jsonOf(metadata)),
        }),
      );
    },
    async getById(id: string): Promise<Specialist | null> {
      const specialist = await as()(fleet.get, { id });
      return specialist && specialistOf(specialist);
    },
    getAll: ({ status }: { readonly status?: string } = {}): Promise<Specialist[]> =>
      everySpecialist(as(), status),
    /** `null` for one that was never registered. */
    heartbeat: (id: string): Promise<Specialist | null> => heartbeat(id),
    /** Whether there is such a specialist. */
    updateStatus: async (id: string, status: string): Promise<boolean> =>
      (await heartbeat(id, status)) !== null,
  };
}
