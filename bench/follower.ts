import { openRookery } from '../src/rookery.ts';
import { follow } from './rows/wakeups.ts';

/** The follower of the wake-up bench in a process of its own: `follower.ts FOLDER EVENTS`. */
const [path = '', events = ''] = process.argv.slice(2);
const rookery = await openRookery({ path });
const following = follow(rookery.as('follower'), Number(events));
process.send?.('following');
process.send?.(await following);
await rookery.close();
process.disconnect();
