import { progress as clackProgress } from '@clack/prompts';

/** A progress bar on a terminal, a line every few seconds elsewhere, nothing with `--json`. Always on stderr. */
export interface Progress {
  update(done: number, total: number | undefined, what: string): void;
  end(message: string): void;
}

const lineEveryMs = 5000;

export function progressOf(title: string, quiet: boolean): Progress {
  if (quiet) return { update() {}, end() {} };
  return process.stderr.isTTY ? barOf(title) : linesOf(title);
}

function barOf(title: string): Progress {
  const steps = 100;
  const bar = clackProgress({ max: steps, output: process.stderr });
  let shown = 0;
  bar.start(title);
  return {
    update(done, total, what) {
      const reached = total ? Math.floor((done / total) * steps) : shown;
      const text = total ? `${title}: ${what} ${done}/${total}` : `${title}: ${what} ${done}`;
      if (reached > shown) bar.advance(reached - shown, text);
      else bar.message(text);
      shown = Math.max(shown, reached);
    },
    end: (message) => bar.stop(message),
  };
}

function linesOf(title: string): Progress {
  let last = performance.now();
  return {
    update(done, total, what) {
      if (performance.now() - last < lineEveryMs) return;
      last = performance.now();
      process.stderr.write(`${title}: ${what} ${done}${total ? `/${total}` : ''}\n`);
    },
    end(message) {
      process.stderr.write(`${message}\n`);
    },
  };
}
