import { writeSync } from 'node:fs';
import { driveSync } from '../../../src/kernel/work.ts';
import { openRookery } from '../../../src/rookery.ts';
import { openWith } from '../../support/engine.ts';
import { steps } from '../scenario.ts';

/**
 * Lives the scenario in a folder and prints a line for each step: `done` once it is acknowledged, or what refused it.
 * Two ways to do it wrong: `torn` commits each statement by itself, `early` acknowledges before the commit.
 */
const [path, way] = process.argv.slice(2) as [string, 'right' | 'torn' | 'early'];
const rookery =
  way === 'torn'
    ? await openWith(path, (work, connection) => driveSync(work(), connection.execute))
    : await openRookery({ path });
const print = (line: string) => writeSync(1, `${line}\n`);
for (const step of steps) {
  if (way === 'early') print('done');
  try {
    await step.run(rookery);
    if (way !== 'early') print('done');
  } catch (error) {
    print((error as { code: string }).code);
  }
}
await rookery.close();
