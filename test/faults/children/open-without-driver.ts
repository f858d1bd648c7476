import { registerHooks } from 'node:module';

/** Opens a store in a process where the packages `pg` and `ioredis` are not installed, and prints the errors. */
registerHooks({
  resolve(name, context, next) {
    if (name !== 'pg' && name !== 'ioredis') return next(name, context);
    throw Object.assign(new Error('not installed'), { code: 'ERR_MODULE_NOT_FOUND' });
  },
});

const { openRookery } = await import('../../../src/rookery.ts');
const url = 'postgres://nobody@127.0.0.1:1/none';
const print = (error: { code: string; details: object }) =>
  console.log(JSON.stringify({ code: error.code, ...error.details }));
await openRookery({ url, masterKey: Buffer.alloc(32) }).catch(print);
await openRookery({ path: ':memory:', redis: 'redis://127.0.0.1:1' }).catch(print);
