import { reaches } from './gates.ts';
import type { ConsensusStatus } from './model.ts';

/** What the store knows of a phase when a coordinator comes back. Positions are those in the ledger: later is larger. */
export interface Progress {
  readonly phase: string;
  readonly swarm: string;
  /** The newest consensus record. */
  readonly consensus?:
    | {
        readonly id: string;
        readonly seq: number;
        readonly iteration: number;
        readonly currentScore: number;
        readonly threshold: number;
        readonly status: ConsensusStatus;
        readonly validators: readonly string[];
      }
    | undefined;
  /** The newest decision. */
  readonly decision?: { readonly seq: number; readonly iteration: number } | undefined;
  /** The newest round in which agents reported, and who did. */
  readonly work?:
    | { readonly seq: number; readonly iteration: number; readonly agents: readonly string[] }
    | undefined;
}

export const actions = [
  'await_product_owner_decision',
  'resume_validation',
  'resume_implementation',
  'start_fresh',
] as const;
export type Action = (typeof actions)[number];

export interface Recovery {
  readonly loop: 2 | 3 | 4;
  readonly action: Action;
  readonly context: {
    readonly phase: string;
    readonly swarm: string;
    /** The round to go on with. */
    readonly iteration: number;
    readonly consensusId?: string;
    readonly currentScore?: number;
    readonly threshold?: number;
    readonly completedValidators?: readonly string[];
    readonly completedAgents?: readonly string[];
  };
}

/**
 * Where the loop stands, and what to do next. What a decision has settled no longer counts; reports of a later round
 * than the newest consensus mean that implementation has begun again.
 */
export function recover({ phase, swarm, decision, ...found }: Progress): Recovery {
  const since = decision?.seq ?? 0;
  const consensus = found.consensus && found.consensus.seq > since ? found.consensus : undefined;
  const work = found.work && found.work.seq > since ? found.work : undefined;
  const place = { phase, swarm };
  const implementing = (iteration: number): Recovery => ({
    loop: 3,
    action: 'resume_implementation',
    context: {
      ...place,
      iteration,
      completedAgents: work?.iteration === iteration ? work.agents : [],
      ...(consensus && { consensusId: consensus.id, currentScore: consensus.currentScore }),
    },
  });
  if (work && work.iteration > (consensus?.iteration ?? Number.NEGATIVE_INFINITY))
    return implementing(work.iteration);
  if (!consensus)
    return {
      loop: 3,
      action: 'start_fresh',
      context: { ...place, iteration: (decision?.iteration ?? 0) + 1 },
    };
  if (consensus.status === 'failed') return implementing(consensus.iteration + 1);
  const { id: consensusId, iteration, currentScore, threshold, validators } = consensus;
  const context = {
    ...place,
    iteration,
    consensusId,
    currentScore,
    threshold,
    completedValidators: validators,
  };
  return reaches(currentScore, threshold)
    ? { loop: 4, action: 'await_product_owner_decision', context }
    : { loop: 2, action: 'resume_validation', context };
}
