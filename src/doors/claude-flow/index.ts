/**
 * Claude Flow, the shared memory and the loop of seeds 000 and 001, by the seeds' names. Names and shapes only: the rules
 * are those of the domains beneath.
 */
export { ACLLevel, type ACLLevelInput, type ACLScheme } from './levels.ts';
export {
  CFNLoopMemoryManager,
  type Loop2Consensus,
  type Loop2ValidationResult,
  type Loop3Confidence,
  type Loop4Decision,
  type LoopRecovery,
} from './loop/manager.ts';
export type { CFNLoopMemoryConfig, MemoryOptions } from './loop/options.ts';
export { MemoryStoreAdapter, type MemoryStoreOptions, type MemoryStoreStats } from './memory/adapter.ts';
export { type MemoryStats, type StoredEntry, SwarmMemoryManager } from './memory/manager.ts';
export type { MemoryCallOptions, MemorySetOptions, SwarmMemoryOptions } from './memory/options.ts';
