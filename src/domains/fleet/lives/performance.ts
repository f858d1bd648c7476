import { z } from 'zod';
import { scopes } from '../../../kernel/access/model.ts';
import { agentById } from '../../../kernel/access/statements.ts';
import type { Subject, WriteContext } from '../../../kernel/context.ts';
import { mutation, query } from '../../../kernel/operation.ts';
import * as schema from '../../../kernel/schema.ts';
import type { Work } from '../../../kernel/work.ts';
import { activeReader, assertMayChange } from '../registration/registry.ts';
import {
  type PerformanceRow,
  performanceOf,
  putPerformance,
  showPerformance,
} from './performance-statements.ts';

const count = z.int('a whole number').min(0, 'at least 0');
export const ratio = z.number('a number').min(0, 'at least 0').max(1, 'at most 1');

const figures = {
  tasksCompleted: count.optional(),
  averageConfidence: ratio.optional().describe('In place of the mean of what was reported'),
  responseTimeMs: z.number('a number').min(0, 'at least 0').optional(),
  errorRate: ratio.optional(),
};

export const performanceView = z.object({
  agent: z.string(),
  tasksCompleted: z.int(),
  averageConfidence: z.number(),
  responseTimeMs: z.number(),
  errorRate: z.number(),
  errors: z.int(),
  confidence: z.number().nullable().describe('The last one reported'),
  phase: z.string().nullable(),
  iteration: z.int().nullable(),
  progressAt: z.int().nullable().describe('When it last had something to show, which a heartbeat is not'),
});

export const performance = query({
  name: 'fleet.performance',
  summary: 'Read the figures of an agent',
  input: z.strictObject({ agent: schema.id }),
  output: performanceView.nullable(),
  access: 'read',
  route: 'GET /api/v1/fleet/agents/{agent}/performance',
  positional: ['agent'],
  *run(context, { agent }) {
    yield* activeReader(context);
    if (!(yield* agentById(context.project, agent))) return null;
    return viewOf((yield* performanceOf(context.project, agent)) ?? blank(agent));
  },
});

export const updatePerformance = mutation({
  name: 'fleet.updatePerformance',
  summary: 'Say how an agent is doing; what is left out stays',
  input: z.strictObject({ agent: schema.id, ...figures }),
  output: performanceView.nullable(),
  access: 'write',
  route: 'PATCH /api/v1/fleet/agents/{agent}/performance',
  positional: ['agent'],
  *run(context, { agent, ...said }) {
    assertMayChange(context, agent);
    yield* context.identity();
    if (!(yield* agentById(context.project, agent))) return null;
    return viewOf(
      yield* changePerformance(context, agent, (row) => ({
        ...row,
        tasks_completed: said.tasksCompleted ?? row.tasks_completed,
        average_confidence: said.averageConfidence ?? row.average_confidence,
        response_time_ms: said.responseTimeMs ?? row.response_time_ms,
        error_rate: said.errorRate ?? row.error_rate,
      })),
    );
  },
});

/** The figures after another report of confidence: the mean goes on from where it was. */
export function withConfidence(
  row: PerformanceRow,
  report: { confidence: number; phase?: string | undefined; iteration?: number | undefined },
): PerformanceRow {
  const reports = row.confidence_reports + 1;
  return {
    ...row,
    confidence: report.confidence,
    confidence_reports: reports,
    average_confidence: row.average_confidence + (report.confidence - row.average_confidence) / reports,
    phase: report.phase ?? row.phase,
    iteration: report.iteration ?? row.iteration,
  };
}

export function* changePerformance(
  context: WriteContext,
  agent: string,
  decide: (row: PerformanceRow) => PerformanceRow,
): Work<PerformanceRow> {
  const before = (yield* performanceOf(context.project, agent)) ?? blank(agent);
  const row = { ...decide(before), progress_at: context.now };
  row.seq = yield* context.record(performanceSubject(agent), { content: performanceText(row) });
  yield* putPerformance(context.project, row);
  yield* showPerformance(context.project, agent, shownText(row));
  context.tx.touch(`fleet/${agent}`);
  return row;
}

export function performanceSubject(agent: string): Subject {
  return { kind: 'performance', name: agent, scope: scopes.project };
}

/** What an entry of the figures commits to; verification makes it again from the row. */
export function performanceText(row: PerformanceRow): string {
  return JSON.stringify(Object.fromEntries(committed.map((name) => [name, row[name]])));
}

const committed = [
  ...([
    'agent_id',
    'tasks_completed',
    'average_confidence',
    'response_time_ms',
    'error_rate',
    'errors',
  ] as const),
  ...(['confidence', 'confidence_reports', 'phase', 'iteration', 'progress_at'] as const),
];

/** The figures as the column `performance_metrics` of agents has them. */
export function shownText(row: PerformanceRow): string {
  const { confidence, phase, iteration, progress_at: updatedAt } = row;
  return JSON.stringify({
    ...{ confidence, phase, iteration, updatedAt, tasksCompleted: row.tasks_completed },
    ...{
      averageConfidence: row.average_confidence,
      responseTime: row.response_time_ms,
      errorRate: row.error_rate,
    },
  });
}

function blank(agent: string): PerformanceRow {
  return {
    agent_id: agent,
    tasks_completed: 0,
    average_confidence: 0,
    response_time_ms: 0,
    error_rate: 0,
    errors: 0,
    confidence: null,
    confidence_reports: 0,
    phase: null,
    iteration: null,
    progress_at: 0,
    seq: 0,
  };
}

function viewOf(row: PerformanceRow): z.output<typeof performanceView> {
  return {
    agent: row.agent_id,
    tasksCompleted: row.tasks_completed,
    averageConfidence: row.average_confidence,
    responseTimeMs: row.response_time_ms,
    errorRate: row.error_rate,
    errors: row.errors,
    confidence: row.confidence,
    phase: row.phase,
    iteration: row.iteration,
    progressAt: row.progress_at === 0 ? null : row.progress_at,
  };
}
