import type { z } from 'zod';
import type * as fleet from '../../../domains/fleet/operations.ts';
import type { Level } from '../../../kernel/access/model.ts';
import { isoTime } from '../../../kernel/clock.ts';
import { type ACLLevel, type ACLLevelInput, numberOf } from '../levels.ts';

export type AgentStatus = 'active' | 'inactive' | 'suspended' | 'terminated';

export interface PerformanceMetrics {
  readonly tasksCompleted: number;
  readonly averageConfidence: number;
  /** Milliseconds. */
  readonly responseTime: number;
  readonly errorRate: number;
}

/** An agent as seed 001 shows one. */
export interface RegisteredAgent {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly status: AgentStatus;
  readonly swarmId: string;
  readonly teamId: string | null;
  readonly capabilities: readonly string[];
  readonly metadata: Readonly<Record<string, unknown>>;
  /** The audience it writes for by default. It opens nothing. */
  readonly aclLevel: ACLLevel;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly lastSeen: string;
  readonly performanceMetrics: PerformanceMetrics;
}

/** What can be said of an agent when it is registered or changed. */
export interface AgentInfo {
  readonly name?: string | undefined;
  readonly type?: string | undefined;
  readonly status?: AgentStatus | undefined;
  readonly teamId?: string | null | undefined;
  readonly capabilities?: readonly string[] | undefined;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
  readonly aclLevel?: ACLLevelInput | undefined;
}

export interface AgentFilter {
  readonly type?: string | undefined;
  readonly status?: AgentStatus | undefined;
  readonly teamId?: string | undefined;
  readonly capability?: string | undefined;
}

export interface Team {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly swarmId: string;
  readonly leaderId: string | null;
  readonly members: readonly string[];
  readonly capabilities: readonly string[];
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly aclLevel: ACLLevel;
  readonly createdAt: string;
  readonly updatedAt: string;
}

export interface Permission {
  readonly id: string;
  readonly entityId: string;
  readonly entityType: 'agent';
  readonly resourceType: string;
  readonly resourceId: null;
  readonly permissionLevel: ACLLevel;
  readonly actions: readonly string[];
  readonly conditions: Readonly<Record<string, never>>;
  readonly grantedBy: string;
  readonly expiresAt: string | null;
  readonly isActive: boolean;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly createdAt: string;
  readonly updatedAt: string;
}

export type FleetAgent = NonNullable<z.output<typeof fleet.get.output>>;
export type FleetTeam = NonNullable<z.output<typeof fleet.team.output>>;
type FleetPermission = z.output<typeof fleet.grantPermission.output>;
type FleetPerformance = z.output<typeof fleet.performance.output>;

export function agentOf(agent: FleetAgent, swarmId: string, performance: FleetPerformance): RegisteredAgent {
  return {
    id: agent.id,
    name: agent.name,
    type: agent.type,
    status: agent.status,
    swarmId,
    teamId: agent.team,
    capabilities: agent.capabilities,
    metadata: agent.metadata,
    aclLevel: numberOf(agent.level),
    createdAt: isoTime(agent.createdAt),
    updatedAt: isoTime(agent.updatedAt),
    lastSeen: isoTime(agent.lastSeen),
    performanceMetrics: {
      tasksCompleted: performance?.tasksCompleted ?? 0,
      averageConfidence: performance?.averageConfidence ?? 0,
      responseTime: performance?.responseTimeMs ?? 0,
      errorRate: performance?.errorRate ?? 0,
    },
  };
}

/** What a team of the seed has beside those of the fleet, kept in its metadata under a name of this door. */
export interface TeamExtras {
  readonly capabilities: readonly string[];
  readonly aclLevel: ACLLevel;
}

const extrasName = 'claude-flow';

export function withExtras(
  metadata: Readonly<Record<string, unknown>>,
  extras: TeamExtras,
): Record<string, unknown> {
  return { ...metadata, [extrasName]: extras };
}

export function teamOf(team: FleetTeam, swarmId: string, members: readonly string[]): Team {
  const { [extrasName]: kept, ...metadata } = team.metadata;
  const { capabilities = [], aclLevel = 2 } = (kept ?? {}) as Partial<TeamExtras>;
  const { id, name, description, leader: leaderId } = team;
  const times = { createdAt: isoTime(team.createdAt), updatedAt: isoTime(team.updatedAt) };
  return { id, name, description, swarmId, leaderId, members, capabilities, metadata, aclLevel, ...times };
}

export function permissionOf(permission: FleetPermission): Permission {
  const { id, agent, resourceType, level, acts, grantedBy, createdAt, expiresAt, revokedAt } = permission;
  return {
    id,
    entityId: agent,
    entityType: 'agent',
    resourceType,
    resourceId: null,
    permissionLevel: numberOf(level as Level),
    actions: acts,
    conditions: {},
    grantedBy,
    expiresAt: expiresAt === null ? null : isoTime(expiresAt),
    isActive: revokedAt === null,
    metadata: {},
    createdAt: isoTime(createdAt),
    updatedAt: isoTime(revokedAt ?? createdAt),
  };
}
