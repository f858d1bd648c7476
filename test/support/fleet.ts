import type { Rookery, View } from '../../src/rookery.ts';

/** Agents that exist, by the names they were given. */
export async function crew<Name extends string>(
  rookery: Rookery,
  ...names: Name[]
): Promise<Record<Name, View>> {
  for (const id of names) await rookery.fleet.register({ id });
  return Object.fromEntries(names.map((name) => [name, rookery.as(name)])) as Record<Name, View>;
}
