/** The operations on memory, by verb. */
export { append, decr, incr } from './arithmetic.ts';
export { get, has, history, keys, mget } from './reading.ts';
export { clear, expire, mset, prune, remove, set } from './writing.ts';
