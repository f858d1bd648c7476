import type { Confidence, Consensus, Decision, ValidationResult } from './model.ts';

/** Records in the words of seed 000: what it was given is what it gets back, in Redis and from its door. */

/** What the store adds to what was said. */
const added = ['key', 'swarm', 'level', 'seq', 'revision', 'createdAt', 'updatedAt', 'expiresAt'] as const;
type Added = (typeof added)[number];

function without<T extends object, Name extends string>(record: T, names: readonly Name[]): Omit<T, Name> {
  const left = Object.entries(record).filter(([name]) => !(names as readonly string[]).includes(name));
  return Object.fromEntries(left) as Omit<T, Name>;
}

export type Loop3Confidence = Omit<Confidence, Added | 'agent'> & { readonly agentId: string };

export function loop3Confidence(confidence: Confidence): Loop3Confidence {
  return { agentId: confidence.agent, ...without(confidence, [...added, 'agent']) };
}

export type Loop2ValidationResult = Omit<ValidationResult, 'validator'> & { readonly validatorId: string };

export type Loop2Consensus = Omit<Consensus, Added | 'id' | 'owner' | 'validationResults'> & {
  readonly consensusId: string;
  readonly validationResults: readonly Loop2ValidationResult[];
};

export function loop2Consensus(consensus: Consensus): Loop2Consensus {
  return {
    consensusId: consensus.id,
    ...without(consensus, [...added, 'id', 'owner']),
    validationResults: consensus.validationResults.map((result) => ({
      validatorId: result.validator,
      ...without(result, ['validator']),
    })),
  };
}

export type Loop4Decision = Omit<Decision, Added | 'id' | 'owner' | 'tasks'> & {
  readonly decisionId: string;
};

export function loop4Decision(decision: Decision): Loop4Decision {
  return { decisionId: decision.id, ...without(decision, [...added, 'id', 'owner', 'tasks']) };
}
