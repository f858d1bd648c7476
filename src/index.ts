/** What a program imports. Everything else is internal. */
export { type FollowOptions, followMail } from './follow.ts';
export type { Level, Principal, Right } from './kernel/access/model.ts';
export type { CallOptions } from './kernel/call.ts';
export type { Clock, Random } from './kernel/clock.ts';
export { type ErrorCode, type ErrorDetails, errorCatalogue, RookeryError } from './kernel/errors.ts';
export type { DualWriteMetrics } from './kernel/live/dual-write.ts';
export type { RedisLocation, RedisSource } from './kernel/live/redis.ts';
export type { Observation } from './kernel/store.ts';
export type { Compression } from './kernel/vault/codecs.ts';
export {
  type Domains,
  type LiveCopy,
  openRookery,
  type Rookery,
  type RookeryOptions,
  type View,
  type ViewOptions,
} from './rookery.ts';
export { type TidyOptions, tidy } from './tidying.ts';
export { version } from './version.ts';
