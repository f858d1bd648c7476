import { type ErrorCode, type ErrorDetails, RookeryError } from './errors.ts';

/** What two agents collided on. */
export interface Meeting {
  /** `resource`: one has what the other wants. `version`: one changed what the other believed to be unchanged. */
  readonly type: 'resource' | 'version';
  /** The kind of thing, and its name among those of its kind. */
  readonly kind: string;
  readonly resource: string;
  /** Whose thing it is: who belongs there may know of the collision. */
  readonly scope: string;
  /** The agents that were there first; the caller itself does not count. */
  readonly others: readonly string[];
}

/**
 * A refusal because another agent was there first. The caller sees an ordinary error; what it says about the others is
 * for the record of conflicts, which has an audience of its own.
 */
export class Collision extends RookeryError {
  readonly meeting: Meeting;

  constructor(code: ErrorCode, message: string, meeting: Meeting, details: ErrorDetails = {}) {
    super(code, message, details);
    this.meeting = meeting;
  }
}
