import type { ReadContext, WriteContext } from '../../kernel/context.ts';
import { invalid, RookeryError } from '../../kernel/errors.ts';
import type { Work } from '../../kernel/work.ts';
import type { ValidationResult } from './model.ts';
import * as records from './records.ts';
import { addVote, type ConsensusRow, type VoteRow, votesOf } from './statements.ts';

/**
 * Adds the results that are new. Those that are there already must be given again as they are: a validator that says
 * something else now, or is left out, is refused with REVISION_CONFLICT, and nothing is written.
 */
export function* addVotes(
  context: WriteContext,
  row: ConsensusRow,
  results: readonly ValidationResult[],
  { encrypt, closed }: { readonly encrypt: boolean | undefined; readonly closed: boolean },
): Work<void> {
  const known = yield* votesOf(context.project, row);
  const given = new Map(results.map((result, i) => [voterOf(result), records.resultContent(result, i)]));
  for (const vote of known) yield* assertUnchanged(context, vote, given);
  const added = results.filter(
    (result) =>
      !known.some(({ validator, type }) => voterOf({ validator, validationType: type }) === voterOf(result)),
  );
  if (closed && added.length > 0) throw invalid('validationResults', 'none to add: the consensus is final');
  for (const [i, result] of added.entries()) {
    const content = given.get(voterOf(result))!;
    yield* add(context, row, result, { content, encrypt, position: known.length + i });
  }
}

function voterOf({ validator, validationType }: { validator: string; validationType: string }): string {
  return `${validator}\n${validationType}`;
}

function* assertUnchanged(
  context: WriteContext,
  vote: VoteRow,
  given: ReadonlyMap<string, string>,
): Work<void> {
  const { validator, type, consensus } = vote;
  const content = given.get(voterOf({ validator, validationType: type }));
  if (content === (yield* contentOf(context, vote))) return;
  const message = `the ${type} result of ${validator} is recorded and stays as it is`;
  throw new RookeryError('REVISION_CONFLICT', message, { id: consensus, validator });
}

function* add(
  context: WriteContext,
  { swarm, phase, id, scope }: ConsensusRow,
  { validator, validationType, issues = [] }: ValidationResult,
  { content, encrypt, position }: { content: string; encrypt: boolean | undefined; position: number },
): Work<void> {
  const row = {
    ...{ swarm, phase, consensus: id, validator, type: validationType, position, scope },
    ...{ owner: context.agent, created_at: context.now, seq: 0 },
  };
  const risk = issues.length > 0 ? 'medium' : 'low';
  const kept = yield* records.keep(context, records.named.vote(row), {
    ...{ content, revision: records.written, encrypt, risk, action: 'validator_vote', facts: { position } },
  });
  yield* addVote(context.project, { ...row, ...kept });
}

export function* resultsOf(context: ReadContext, consensus: ConsensusRow): Work<ValidationResult[]> {
  const results: ValidationResult[] = [];
  for (const row of yield* votesOf(context.project, consensus)) {
    const said = JSON.parse(yield* contentOf(context, row)) as Omit<
      ValidationResult,
      'validator' | 'validationType'
    >;
    results.push({
      validator: row.validator,
      validationType: row.type as ValidationResult['validationType'],
      ...said,
    });
  }
  return results;
}

export function* contentOf(context: ReadContext, row: VoteRow): Work<string> {
  return yield* records.contentOf(context, records.named.vote(row), row, records.written);
}
