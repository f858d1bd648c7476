/** Memory for a team of two: audiences, compare-and-set, history. Run: node examples/library.ts */
import { openRookery, RookeryError } from '../src/index.ts';

await using rookery = await openRookery({ path: ':memory:' });
const [coder, reviewer] = [rookery.as('coder-1'), rookery.as('reviewer')];

await coder.memory.set({ key: 'plan', value: { step: 1 } });
await coder.memory.set({ key: 'plan', value: 'only I see this', level: 'private' });

console.log('coder reads   ', (await coder.memory.get({ key: 'plan' }))?.value);
console.log('reviewer reads', (await reviewer.memory.get({ key: 'plan' }))?.value);

const { revision } = await reviewer.memory.set({ key: 'plan', value: { step: 2 }, expectedRevision: 1 });
console.log('revision      ', revision);
try {
  await coder.memory.set({ key: 'plan', value: { step: 9 }, expectedRevision: 1 });
} catch (error) {
  if (error instanceof RookeryError) console.log('too late      ', error.code, error.details);
}
const { revisions } = await coder.memory.history({ key: 'plan' });
console.log('history       ', JSON.stringify(revisions.map(({ value, author }) => [author, value])));
