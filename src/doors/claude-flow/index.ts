/**
 * Claude Flow, the shared memory and the loop of seeds 000 and 001, by the seeds' names. Names and shapes only: the rules
 * are those of the domains beneath.
 */

export type { BenchmarkOptions, BenchmarkResults } from './benchmarks/benchmarks.ts';
export { PerformanceBenchmarks } from './benchmarks/benchmarks.ts';
export type { CoordinationSignal, SignalAck } from './coordination/acknowledgements.ts';
export {
  type CoordinatorHealth,
  DeadCoordinatorError,
  type HeartbeatMetadata,
  type HeartbeatRecord,
  type HeartbeatWarningConfig,
  HeartbeatWarningSystem,
} from './coordination/heartbeats.ts';
export type { AgentProfile, Hook, HookName } from './coordination/hooks.ts';
export {
  BlockingCoordinationSignals,
  type BlockingSignal,
  type BlockingSignalsConfig,
  type SentSignal,
  SignalType,
} from './coordination/inbox.ts';
export {
  type BlockingCoordinationConfig,
  BlockingCoordinationManager,
  createBlockingCoordinationManager,
} from './coordination/manager.ts';
export type { CoordinationConfig } from './coordination/session.ts';
export { type CoordinatorTimeoutConfig, CoordinatorTimeoutHandler } from './coordination/timeouts.ts';
export { ACLLevel, type ACLLevelInput, type ACLScheme } from './levels.ts';
export {
  type AgentLifecycleConfig,
  type AgentLifecycleEvent,
  type AgentLifecycleEventType,
  type AgentLifecycleMetrics,
  AgentLifecycleSQLiteManager,
  type AgentSpawn,
  createAgentLifecycleSQLiteManager,
} from './loop/lifecycle.ts';
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
export { RedisCoordinator } from './redis/coordinator.ts';
export type { Envelope, Message, PublishOptions } from './redis/envelope.ts';
export type { RedisCoordinatorOptions } from './redis/options.ts';
export type { Participant } from './redis/participants.ts';
export { AgentRegistry, type AgentRegistryOptions } from './registry/registry.ts';
export type {
  AgentFilter,
  AgentInfo,
  PerformanceMetrics,
  Permission,
  RegisteredAgent,
  Team,
} from './registry/shapes.ts';
export type { RegistryState } from './registry/state.ts';
export type { TeamInfo } from './registry/teams.ts';
export type { Role, RoleName, RoleOptions } from './roles.ts';
export type { RedisConfig, SQLiteMemorySystemOptions } from './system/options.ts';
export { SQLiteMemorySystem, type SystemMetrics } from './system/system.ts';
