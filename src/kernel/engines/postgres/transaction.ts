import { RookeryError } from '../../errors.ts';
import { driveAsync, type Request, type Work } from '../../work.ts';
import { execute, type Session } from './connection.ts';
import { startsOver, translate } from './errors.ts';

/**
 * Each statement of a write sees what was committed before it, so that after waiting for the project's row lock it
 * works on the newest state; the lock keeps that state still until the commit.
 */
const beginWrite = 'BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE';
const beginRead = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY';

/** Runs a work that only reads, on one snapshot. */
export async function readIn<T>(session: Session, work: () => Work<T>): Promise<T> {
  const begun = ahead(session.query(beginRead));
  const value = await drive(session, work, async (request) => {
    if (request.rows === 'count') throw new Error('a read tried to change something');
  });
  await begun;
  // The answer stands already; whoever uses the session next stands behind this statement.
  ahead(session.query('COMMIT'));
  return value;
}

/** Runs a work and commits it. */
export async function writeIn<T>(session: Session, work: () => Work<T>): Promise<T> {
  const begun = ahead(session.query(beginWrite));
  const value = await drive(session, work, async ({ statement }) => {
    // Nothing may be written where the transaction did not begin.
    if (statement.writes) await begun;
  });
  await begun;
  await commit(session);
  return value;
}

/** Ends the transaction if there still is one; a session that cannot even do that counts as lost. */
export async function orRollBack<T>(session: Session, attempt: (session: Session) => Promise<T>): Promise<T> {
  try {
    return await attempt(session);
  } catch (error) {
    if (!session.lost) await session.query('ROLLBACK').catch(() => {});
    throw error;
  }
}

/**
 * Drives a work. An error of a statement is thrown inside the work, which may go on after rolling back to a savepoint.
 * But where the server gave up on the whole transaction, nothing the work does can save it: from then on every request
 * is answered with the same error, and the caller starts over.
 */
async function drive<T>(
  session: Session,
  work: () => Work<T>,
  check: (request: Request) => Promise<void>,
): Promise<T> {
  let hopeless: unknown;
  let failed: unknown;
  const ask = async (request: Request) => {
    if (hopeless) throw hopeless;
    try {
      await check(request);
      const answer = await execute(session, request);
      failed = undefined;
      return answer;
    } catch (error) {
      failed = error;
      if (startsOver(error)) hopeless = error;
      throw translate(error);
    }
  };
  try {
    const value = await driveAsync(work(), ask);
    // A failed statement that nobody rolled back: COMMIT would roll back and not say so.
    if (failed) throw failed;
    return value;
  } catch (error) {
    throw hopeless ?? error;
  }
}

/** A statement that is not waited for, because the next one can follow at once: that saves a round trip. */
function ahead<T>(sent: Promise<T>): Promise<T> {
  sent.catch(() => {}); // whoever awaits it still hears of it
  return sent;
}

async function commit(session: Session): Promise<void> {
  try {
    await session.query('COMMIT');
  } catch (error) {
    if (!session.lost) throw error;
    throw new RookeryError(
      'OUTCOME_UNKNOWN',
      'the connection was lost during the commit',
      {},
      { cause: error },
    );
  }
}
