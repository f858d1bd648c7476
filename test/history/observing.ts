import type { ErrorCode } from '../../src/index.ts';
import { isRookeryError, type RookeryError } from '../../src/kernel/errors.ts';
import type { SeededRandom } from '../support/random.ts';
import type { Asked, HistoryEvent } from './events.ts';

/** How a client notes what it asks and what comes back, whatever it works on. */

export interface Client<Calls> {
  readonly process: number;
  readonly view: Calls;
  readonly random: SeededRandom;
  /** Takes an event when it happens. `invoke` must be safe with the reader before the call is made. */
  readonly note: (event: Omit<HistoryEvent, 'index'>) => void;
}

/** How a refusal is noted: what it shows of the state, or null for nothing. Any other error ends the test. */
export type Refusals = Partial<Record<ErrorCode, (error: RookeryError) => unknown>>;

export async function observe<T>(
  client: Client<unknown>,
  key: string,
  { f, value }: Asked,
  perform: () => Promise<T>,
  refusals: Refusals = {},
): Promise<T | undefined> {
  const note = (type: HistoryEvent['type'], noted: unknown) =>
    client.note({
      process: client.process,
      type,
      f,
      key,
      value: noted,
      time: Number(process.hrtime.bigint()),
    });
  note('invoke', value);
  try {
    const answer = await perform();
    note('ok', answer);
    return answer;
  } catch (error) {
    const shown = isRookeryError(error) ? refusals[error.code] : undefined;
    if (!shown) throw error;
    note('fail', shown(error as RookeryError));
    return undefined;
  }
}

export function draw({ random }: Client<unknown>, below: number): number {
  return Buffer.from(random.bytes(4)).readUInt32BE() % below;
}
