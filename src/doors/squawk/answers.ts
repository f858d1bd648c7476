import { asRookeryError, type RookeryError } from '../../kernel/errors.ts';
import { problemOf } from '../http/problems.ts';

/** What an endpoint answers. No body: an empty one. */
export interface Answer {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export function ok(body: unknown): Answer {
  return { status: 200, body };
}

/** A refusal in the words of seed 002: `{error, …}` with more facts beside the sentence. */
export class Refused extends Error {
  readonly answer: Answer;

  constructor(status: number, error: string, facts: Readonly<Record<string, unknown>> = {}) {
    super(error);
    this.name = 'Refused';
    this.answer = { status, body: { error, ...facts } };
  }
}

/** The sentences that are the same on every path. */
const fixed: { readonly [code in RookeryError['code']]?: readonly [status: number, error: string] } = {
  UNAUTHENTICATED: [401, 'Unauthorized'],
  UNSUPPORTED_MEDIA_TYPE: [415, 'Content-Type must be application/json'],
  TOO_LARGE: [413, 'Request too large'],
  IDEMPOTENCY_CONFLICT: [409, 'Idempotency key reused'],
};

/** A state that does not lead to another, with both, and what else stands in the way. */
function wrongState({ from, to, openSorties }: RookeryError['details']): Answer {
  const facts = { from, to, ...(openSorties !== undefined && { open_sorties: openSorties }) };
  return { status: 409, body: { error: 'Invalid status transition', ...facts } };
}

/**
 * The answer to whatever an endpoint threw. Of a failure that is the server's own the client learns the endpoint's
 * sentence and nothing else; `report` hears the rest.
 */
export function answerTo(thrown: unknown, failure: string, report: (error: unknown) => void): Answer {
  if (thrown instanceof Refused) return thrown.answer;
  const { code, details } = asRookeryError(thrown);
  const [status, error] = fixed[code] ?? [];
  if (status === 401) return { status, body: { error }, headers: { 'WWW-Authenticate': 'Bearer' } };
  if (status !== undefined) return { status, body: { error } };
  if (code === 'INVALID_INPUT' && details['field'] === 'body')
    return { status: 400, body: { error: 'Invalid JSON' } };
  if (code === 'WRONG_STATE') return wrongState(details);
  const problem = problemOf(thrown);
  if (problem.status < 500) return { status: problem.status, body: { error: problem.error } };
  report(thrown);
  return { status: 500, body: { error: failure } };
}
