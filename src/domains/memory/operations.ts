/** The operations on memory, by verb. */
export { append, decr, incr } from './arithmetic.ts';
export { getdel, getset } from './exchange.ts';
export { writeAccesses } from './items.ts';
export { stats, strlen } from './measuring.ts';
export { blindWrites } from './overwrites.ts';
export { get, has, history, keys, mget } from './reading.ts';
export { clear, expire, mset, prune, purge, remove, set } from './writing.ts';
