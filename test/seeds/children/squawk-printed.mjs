// The sequence that the reference of seed 002 prints, and the seed's own cleanup job and SQL, as printed: only where the
// module is imported from differs, and the interval is short enough to be seen running.
import {
  closeDatabase,
  cursorOps,
  eventOps,
  getAdapter,
  initializeDatabase,
  lockOps,
  mailboxOps,
} from '../../../src/doors/squawk/index.ts';

await initializeDatabase(); // or a path
await mailboxOps.create('team-a');
await eventOps.append('team-a', [{ type: 'TaskAssigned', data: { task_id: 'task-1' } }]);
await cursorOps.advance('team-a', 1);
const { lock } = await lockOps.acquire({ file: 'src/a.ts', specialist_id: 'spec-a', timeout_ms: 30000 });
await lockOps.release(lock.id, 'spec-a');
const n = await lockOps.releaseExpired(); // 0

const job = setInterval(() => {
  const released = lockOps.releaseExpired();
  if (released > 0) {
    console.log(`Released ${released} expired locks`);
  }
}, 1);
const result = getAdapter()
  .db.prepare(`
    UPDATE locks
    SET released_at = datetime('now'),
        status = 'expired'
    WHERE released_at IS NULL 
      AND timeout_ms IS NOT NULL
      AND expires_at IS NOT NULL
      AND expires_at < datetime('now')
  `)
  .run();
await new Promise((resolve) => setTimeout(resolve, 5));
clearInterval(job);

console.log(
  JSON.stringify({
    n,
    changes: result.changes,
    events: await eventOps.getByMailbox('team-a'),
    cursor: await cursorOps.getByStream('team-a'),
    locks: await lockOps.getAll(),
  }),
);
await closeDatabase();
