export { confidences, reportConfidence } from './confidences.ts';
export { consensus, consensuses, recordConsensus } from './consensus.ts';
export { decide, decisions } from './decisions.ts';
export { gate, prune, state } from './standing.ts';
