import { registerHooks } from 'node:module';

/** Opens a store on a server in a process where the package `pg` is not installed, and prints the error. */
registerHooks({
  resolve(name, context, next) {
    if (name !== 'pg') return next(name, context);
    throw Object.assign(new Error('not installed'), { code: 'ERR_MODULE_NOT_FOUND' });
  },
});

const { openRookery } = await import('../../../src/rookery.ts');
const url = 'postgres://nobody@127.0.0.1:1/none';
await openRookery({ url, masterKey: Buffer.alloc(32) }).catch((error) => {
  console.log(JSON.stringify({ code: error.code, ...error.details }));
});
