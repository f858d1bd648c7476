import type { Principal } from '../../kernel/access/model.ts';
import { invalid } from '../../kernel/errors.ts';
import type { Operation } from '../../kernel/operation.ts';
import type { Store } from '../../kernel/store.ts';
import { problemOf } from './problems.ts';
import type { Route } from './request.ts';

/**
 * Server-sent events over operations that page forward and can wait: `id:` is the position to continue after, so a
 * client that reconnects with `Last-Event-ID` misses nothing and sees nothing twice.
 */
const positions: Readonly<Record<string, string>> = { 'mail.read': 'after', 'audit.feed': 'from' };

const heartbeatMs = 15_000;
const encoder = new TextEncoder();

export function followable(operation: Operation): boolean {
  return operation.name in positions;
}

interface Follow {
  readonly store: Store;
  readonly route: Route;
  /** Who asks. Asked anew for each page: a token that was revoked meanwhile gets no more. */
  identify(): Promise<Principal>;
  readonly input: unknown;
  readonly request: Request;
}

interface Page {
  readonly events: readonly unknown[];
  readonly next: number;
}

export function sseResponse({ store, route, identify, input, request }: Follow): Response {
  const field = positions[route.operation.name]!;
  const resumed = request.headers.get('last-event-id');
  if (resumed !== null && !/^\d{1,15}$/.test(resumed))
    throw invalid('last-event-id', 'the id of the last event');
  const start = {
    ...(input as Record<string, unknown>),
    ...(resumed !== null && { [field]: Number(resumed) }),
  };
  const gone = new AbortController();
  request.signal.addEventListener('abort', () => gone.abort());

  async function* lines(): AsyncGenerator<string> {
    let position = start[field];
    yield ': following\n\n';
    while (!gone.signal.aborted) {
      const page = { ...start, [field]: position, waitMs: heartbeatMs };
      const { output } = await store.invoke(route.operation, await identify(), page, { signal: gone.signal });
      // It may have waited long: who may no longer ask must not get what came meanwhile.
      await identify();
      const { events, next } = (output ?? { events: [], next: position }) as Page;
      position = next;
      if (events.length === 0) yield ': waiting\n\n';
      else yield `id: ${next}\ndata: ${JSON.stringify(route.output(output))}\n\n`;
    }
  }

  const source = lines();
  const body = new ReadableStream<Uint8Array>({
    // One page is asked for when the last one was taken: a slow reader is never ahead of its own buffer.
    async pull(controller) {
      try {
        const { value, done } = await source.next();
        if (done) controller.close();
        else controller.enqueue(encoder.encode(value));
      } catch (error) {
        controller.enqueue(encoder.encode(`event: error\ndata: ${JSON.stringify(problemOf(error))}\n\n`));
        controller.close();
      }
    },
    async cancel() {
      gone.abort();
      await source.return(undefined);
    },
  });
  return new Response(body, {
    headers: { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store', 'X-Accel-Buffering': 'no' },
  });
}
