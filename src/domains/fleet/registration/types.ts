import type { Level } from '../../../kernel/access/model.ts';

/** What agents of a known type are good at, unless their registration says otherwise. Other types know nothing. */
const capabilitiesOfTypes: Readonly<Record<string, readonly string[]>> = {
  architect: ['design', 'architecture'],
  coder: ['implementation', 'debugging'],
  tester: ['testing', 'verification'],
  reviewer: ['review', 'quality'],
  'backend-dev': ['implementation', 'api', 'database'],
  'frontend-dev': ['implementation', 'interface'],
  'security-specialist': ['security', 'review'],
  'perf-analyzer': ['performance', 'profiling'],
  'api-docs': ['documentation', 'api'],
  researcher: ['research', 'analysis'],
  planner: ['planning', 'estimation'],
  'devops-engineer': ['deployment', 'infrastructure'],
  'cicd-engineer': ['deployment', 'automation'],
  system: ['administration'],
  analyst: ['analysis', 'requirements'],
  'product-owner': ['decision', 'requirements'],
  coordinator: ['coordination', 'planning'],
  validator: ['validation', 'review'],
};

export function capabilitiesOf(type: string): readonly string[] {
  return Object.hasOwn(capabilitiesOfTypes, type) ? capabilitiesOfTypes[type]! : [];
}

const teamTypes: ReadonlySet<string> = new Set(['coder', 'backend-dev', 'frontend-dev']);

/** The audience that an agent of a type writes for unless it says otherwise (seed 001). It opens nothing. */
export function levelOfType(type: string): Level {
  return teamTypes.has(type) ? 'team' : 'swarm';
}
