export { confidences, reportConfidence } from './confidences.ts';
export { consensus, consensuses, recordConsensus } from './consensus.ts';
export { decide, decisions } from './decisions.ts';
export { keys } from './model.ts';
export {
  type Loop2Consensus,
  type Loop2ValidationResult,
  type Loop3Confidence,
  type Loop4Decision,
  loop2Consensus,
  loop3Confidence,
  loop4Decision,
} from './shapes.ts';
export { gate, prune, state } from './standing.ts';
