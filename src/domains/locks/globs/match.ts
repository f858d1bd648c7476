import type { Automaton } from './automaton.ts';
import { includes } from './characters.ts';

/** Whether the pattern matches a normal path: a walk over the sets of states that can be reached. */
export function accepts(automaton: Automaton, path: string): boolean {
  if (!path.startsWith(automaton.prefix)) return false;
  if (automaton.literal) return path === automaton.prefix;
  let states = [0];
  for (const character of path) {
    const code = character.codePointAt(0)!;
    const next = new Set<number>();
    for (const state of states) {
      for (const target of automaton.follow[state]!) {
        if (includes(automaton.characters[target]!, code)) next.add(target);
      }
    }
    if (next.size === 0) return false;
    states = [...next];
  }
  return states.some((state) => automaton.accepting[state] === 1);
}
