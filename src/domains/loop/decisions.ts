import { z } from 'zod';
import { scopeFor, scopes } from '../../kernel/access/model.ts';
import { Denial, type ReadContext, type WriteContext } from '../../kernel/context.ts';
import { mutation, query } from '../../kernel/operation.ts';
import type { Work } from '../../kernel/work.ts';
import { createTask } from '../tasks/operations.ts';
import { endDecision, pruned } from './endings.ts';
import * as model from './model.ts';
import * as records from './records.ts';
import { addDecision, type DecisionRow, decisionOf, decisionsIn, type Place } from './statements.ts';

const { decided, place, keeping, reading } = model;

export const decide = mutation({
  name: 'loop.decide',
  summary: 'Decide whether a phase proceeds, defers issues or escalates',
  description:
    'For members of the system audience alone; encrypted. Final: the same id with the same content answers what is stored. DEFER makes a task of each deferred issue in the same transaction. Kept for 365 days, or for "ttl" where that is longer.',
  input: z.strictObject({
    ...place,
    id: model.recordId,
    iteration: model.iteration,
    ...decided,
    ...keeping,
  }),
  output: model.decision,
  access: 'write',
  risk: 'medium',
  route: 'POST /api/v1/loop/{phase}/decisions',
  positional: ['phase', 'decision'],
  *run(context, input) {
    const identity = yield* context.identity();
    const { phase, swarm: asked, id, iteration, level, ttl, encrypt: _, ...said } = input;
    const swarm = records.swarmOf(identity, asked);
    if (!identity.scopes.includes(scopes.system)) throw notForEverybody(context, { swarm, phase });
    const scope = scopeFor(identity, model.levelIn(model.classes.decision, level));
    const place = { swarm, phase, id, scope };
    const current = yield* currentRow(context, place);
    const timestamp = said.timestamp ?? current?.created_at ?? context.now;
    const decision = { iteration, ...said, timestamp };
    return current ? yield* again(context, current, decision) : yield* add(context, place, decision, ttl);
  },
});

type Said = Omit<Stored, 'tasks'>;

/** The answer to a decision that is there already, when it says the same. */
function* again(context: WriteContext, row: DecisionRow, decision: Said): Work<model.Decision> {
  const stored = yield* contentOf(context, row);
  const { tasks: _, ...before } = JSON.parse(stored) as Stored;
  records.assertSame('decision', row.id, JSON.stringify(before), records.encodeSaid('decision', decision));
  return viewOf(row, stored);
}

function* add(
  context: WriteContext,
  place: Place & { id: string; scope: string },
  decision: Said,
  ttl: number | undefined,
): Work<model.Decision> {
  const tasks = decision.decision === 'DEFER' ? yield* defer(context, place, decision) : [];
  const content = records.encodeSaid('decision', { ...decision, tasks });
  const lifetime = model.lifetimeOf(model.classes.decision, ttl, context.now);
  const { iteration } = decision;
  const kept = yield* records.keep(context, records.named.decision(place), {
    ...{ content, revision: records.written, action: 'loop4_decision' },
    facts: { ...records.factsOf(lifetime), iteration },
    risk: decision.decision === 'ESCALATE' ? 'high' : 'medium',
  });
  const row = { ...place, iteration, owner: context.agent, ...kept, ...lifetime, created_at: context.now };
  yield* addDecision(context.project, row);
  context.tx.touch(`loop/${place.swarm}/${place.phase}`);
  return viewOf(row, content);
}

/**
 * A task for each issue that waits, in the order of the decision; answers their ids. The project may claim them, and
 * what the decision said of them lies encrypted as it does there.
 */
function* defer(
  context: WriteContext,
  { swarm, phase, id }: Place & { id: string },
  { deferredIssues: issues = [], iteration }: Said,
): Work<string[]> {
  const tasks: string[] = [];
  for (const [i, description] of issues.entries()) {
    const task = yield* createTask(context, {
      ...{
        title: `Deferred from ${phase}, ${i + 1} of ${issues.length}`,
        type: 'backlog',
        priority: backlogPriority,
      },
      ...{
        description,
        level: 'project',
        encrypt: true,
        metadata: { swarm, phase, iteration, decision: id },
      },
    });
    tasks.push(task.id);
  }
  return tasks;
}

/** Behind all that a phase needs. */
const backlogPriority = 10;

function notForEverybody(context: WriteContext, place: Place): Denial {
  const message = `${context.agent} does not hold the role that decides`;
  return new Denial('FORBIDDEN', message, records.phaseSubject(place, scopes.system), {
    needs: 'product-owner',
  });
}

/** What the sealed content holds. */
interface Stored extends Pick<model.Decision, keyof typeof decided | 'tasks'> {
  readonly iteration: number;
}

function* currentRow(
  context: WriteContext,
  of: Place & { id: string; scope: string },
): Work<DecisionRow | undefined> {
  const row = yield* decisionOf(context.project, of);
  if (!row || records.isLive(row, context.now)) return row;
  yield* endDecision(context, row, pruned);
  return undefined;
}

export const decisions = query({
  name: 'loop.decisions',
  summary: 'List decisions on a phase, newest first',
  description: 'For members of the system audience; nothing for others.',
  input: z.strictObject(reading),
  output: z.object({ decisions: z.array(model.decision), nextCursor: z.string().nullable() }),
  access: 'read',
  route: 'GET /api/v1/loop/{phase}/decisions',
  positional: ['phase'],
  *run(context, input) {
    const identity = yield* context.identity();
    if (identity.scopes.length === 0) return { decisions: [], nextCursor: null };
    const place = { swarm: records.swarmOf(identity, input.swarm), phase: input.phase };
    if (!identity.scopes.includes(scopes.system))
      context.noteDenial(records.phaseSubject(place, scopes.system));
    const page = records.pageOf(input, context.now);
    const rows = yield* decisionsIn(context.project, context.agent, place, undefined, page);
    const answer: model.Decision[] = [];
    for (const row of rows.slice(0, input.limit)) {
      context.noteRead(records.phaseSubject(place, row.scope));
      answer.push(viewOf(row, yield* contentOf(context, row)));
    }
    return { decisions: answer, nextCursor: records.nextCursor(rows, input.limit) };
  },
});

export function* contentOf(context: ReadContext, row: DecisionRow): Work<string> {
  return yield* records.contentOf(context, records.named.decision(row), row, records.written);
}

function viewOf(row: DecisionRow, content: string): model.Decision {
  return {
    ...(JSON.parse(content) as Stored),
    ...records.headOf(records.named.decision(row), row),
    id: row.id,
    owner: row.owner,
  };
}
