import type { RedisState } from '../../../kernel/live/redis.ts';
import type { Message } from './envelope.ts';

export interface CoordinatorMetrics {
  readonly messagesSent: number;
  readonly messagesReceived: number;
  readonly reconnectCount: number;
  /** Milliseconds since 1970; null before the first. */
  readonly lastHeartbeatTime: number | null;
  /** Milliseconds from sending to hearing, by both clocks. */
  readonly averageLatency: number;
  readonly isConnected: boolean;
  readonly activeAgents: number;
  /** Always 0: what cannot be sent is refused, and what counts is in the store. */
  readonly queuedMessages: number;
  readonly coordinationState: {
    readonly phase: string | null;
    readonly status: 'active' | 'degraded';
    readonly lastHeartbeat: number | null;
    readonly leader: string | null;
    readonly participants: readonly string[];
  };
}

/** Counts what a coordinator sends and hears, and keeps what it was told last. */
export class Meter {
  state: RedisState = 'connecting';
  connections = 0;
  messagesSent = 0;
  lastHeartbeatTime: number | null = null;
  participants: readonly string[] = [];
  #received = 0;
  #latencyMs = 0;
  #phase: string | null = null;
  #leader: string | null = null;

  received(latencyMs: number): void {
    this.#received++;
    this.#latencyMs += Math.max(0, latencyMs);
  }

  learn({ type, phase, leaderId }: Message): void {
    if (type === 'phase_change' && typeof phase === 'string') this.#phase = phase;
    if (type === 'leader_election' && typeof leaderId === 'string') this.#leader = leaderId;
  }

  metrics(isConnected: boolean): CoordinatorMetrics {
    return {
      messagesSent: this.messagesSent,
      messagesReceived: this.#received,
      reconnectCount: Math.max(0, this.connections - 1),
      lastHeartbeatTime: this.lastHeartbeatTime,
      averageLatency: this.#received === 0 ? 0 : this.#latencyMs / this.#received,
      isConnected,
      activeAgents: this.participants.length,
      queuedMessages: 0,
      coordinationState: {
        phase: this.#phase,
        status: isConnected ? 'active' : 'degraded',
        lastHeartbeat: this.lastHeartbeatTime,
        leader: this.#leader,
        participants: this.participants,
      },
    };
  }
}
