/**
 * Claude Flow, the shared memory and the loop of seeds 000 and 001, by the seeds' names. Names and shapes only: the rules
 * are those of the domains beneath.
 */
export { ACLLevel, type ACLLevelInput, type ACLScheme } from './levels.ts';
