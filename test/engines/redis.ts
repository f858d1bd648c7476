import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasRedis, RedisServer } from './redis-server.ts';
import { required } from './services.ts';

export { freePort, hasRedis, RedisServer } from './redis-server.ts';

/** Runs a suite with a server of its own. Where there is none, the suite is reported by name. */
export function onRedis(title: string, suite: (server: () => RedisServer) => void): void {
  describe(title, () => {
    if (!hasRedis) {
      const why = 'redis-server is not on this machine';
      it.skipIf(!required)(`not run: ${why}`, () => expect.fail(why));
      return;
    }
    let server: RedisServer | undefined;
    beforeAll(async () => {
      server = await RedisServer.start();
    });
    afterAll(() => server?.stop());
    suite(() => server!);
  });
}
