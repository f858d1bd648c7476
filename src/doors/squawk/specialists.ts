import * as fleet from '../../domains/fleet/specialists/operations.ts';
import { limits } from '../../kernel/limits.ts';
import type { Invoke } from './invoke.ts';
import { type Specialist, specialistOf } from './shapes.ts';

export async function everySpecialist(invoke: Invoke, status?: string): Promise<Specialist[]> {
  const found: Specialist[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const input = { status, cursor, limit: limits.pageSize };
    const page: { specialists: Parameters<typeof specialistOf>[0][]; nextCursor: string | null } =
      await invoke(fleet.list, input);
    found.push(...page.specialists.map(specialistOf));
    cursor = page.nextCursor;
  }
  return found;
}
