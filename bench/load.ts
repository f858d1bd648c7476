import { connect, type Socket } from 'node:net';

/**
 * The load on the HTTP rows, in a process of its own so that it does not take the server's time. Requests are written
 * and answers read as bytes on plain sockets: a general HTTP client costs more than the server that is measured.
 */
export interface Load {
  readonly port: number;
  readonly connections: number;
  readonly requests: number;
  readonly method: string;
  /** `{i}` stands for the number of the request, here and in the body. */
  readonly path: string;
  readonly body: string;
  readonly token: string;
}

process.on('message', async (load: Load) => {
  try {
    process.send?.({ microseconds: await run(load) });
  } catch (error) {
    process.send?.({ failure: (error as Error).message });
  }
});
process.send?.('ready');

async function run(load: Load): Promise<number> {
  const sockets = await Promise.all(Array.from({ length: load.connections }, () => open(load.port)));
  let next = 0;
  const started = performance.now();
  await Promise.all(
    sockets.map(async (socket) => {
      while (next < load.requests) await exchange(socket, requestOf(load, next++));
    }),
  );
  const microseconds = ((performance.now() - started) * 1000) / load.requests;
  for (const socket of sockets) socket.destroy();
  return microseconds;
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    socket.once('connect', () => resolve(socket)).once('error', reject);
  });
}

function requestOf({ port, method, path, body, token }: Load, index: number): string {
  const text = body.replaceAll('{i}', String(index));
  return (
    `${method} ${path.replaceAll('{i}', String(index))} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n` +
    `Authorization: Bearer ${token}\r\nContent-Type: application/json\r\n` +
    `Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`
  );
}

/** One request and its whole answer. */
function exchange(socket: Socket, request: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const finish = (error?: Error) => {
      socket.off('data', take).off('close', lost).off('error', finish);
      if (error) reject(error);
      else resolve();
    };
    const lost = () => finish(new Error('the server closed the connection'));
    const take = (chunk: Buffer) => {
      answer += chunk.toString('latin1');
      if (!isWhole(answer)) return;
      finish(answer.startsWith('HTTP/1.1 200') ? undefined : new Error(answer));
    };
    socket.on('data', take).once('close', lost).once('error', finish);
    socket.write(request);
  });
}

function isWhole(answer: string): boolean {
  const head = answer.indexOf('\r\n\r\n');
  if (head < 0) return false;
  const length = /\r\ncontent-length: (\d+)/i.exec(answer.slice(0, head))?.[1];
  return length === undefined ? answer.endsWith('\r\n0\r\n\r\n') : answer.length >= head + 4 + Number(length);
}
