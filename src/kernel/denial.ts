import { type ErrorCode, type ErrorDetails, RookeryError } from './errors.ts';

/** The thing an operation concerns: kind and name become a pseudonym, the scope says whose it is. */
export interface Subject {
  readonly kind: string;
  readonly name: string;
  readonly scope: string;
  /** What finds the row, for projections, where the name does not: `name` unless given. */
  readonly pointer?: string;
}

/** A refusal for lack of a right. Recorded in the ledger; `code` is what the caller gets to see. */
export class Denial extends RookeryError {
  readonly subject: Subject;

  constructor(code: ErrorCode, message: string, subject: Subject, details: ErrorDetails = {}) {
    super(code, message, details);
    this.subject = subject;
  }
}
