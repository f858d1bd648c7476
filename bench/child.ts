import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** A process of its own that is spoken to in messages; ended by its id. */
export function startChild(file: string, ...args: string[]): ChildProcess {
  return fork(fileURLToPath(new URL(file, import.meta.url)), args);
}

/** The next message of a child; fails when the child ends instead. */
export function nextMessage<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const lost = (status: number | null) =>
      finish(() => reject(new Error(`the child process ended (${status})`)));
    const heard = (message: unknown) => finish(() => resolve(message as T));
    const finish = (settle: () => void) => {
      child.off('message', heard).off('exit', lost);
      settle();
    };
    child.once('message', heard).once('exit', lost);
  });
}
