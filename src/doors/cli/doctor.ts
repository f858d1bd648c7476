import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { databaseName, rootKeyName } from '../../folder.ts';
import { redisPortOf } from '../../kernel/live/redis.ts';
import type { Rookery } from '../../rookery.ts';
import { version } from '../../version.ts';
import { Output, renderTable } from './output.ts';
import { dataFolder, type GlobalOptions, openStore } from './session.ts';

interface Check {
  readonly check: string;
  readonly result: 'ok' | 'problem';
  readonly facts: string;
}

/** Looks at everything a store depends on and says what is wrong and what to do. Exit status 1 when something is. */
export async function doctor(options: GlobalOptions): Promise<void> {
  const output = new Output(options.json ?? false);
  const folder = dataFolder(options);
  const checks: Check[] = [
    { check: 'runtime', result: 'ok', facts: `rookery ${version}, Node ${process.versions.node}` },
  ];
  const file = join(folder, databaseName);
  await using rookery = await openStore(options);
  checks.push(...permissions(folder, file));
  const { engine } = rookery.store;
  const { engine: name, version: engineVersion, sizeBytes, settings } = await engine.describe();
  checks.push({ check: 'engine', result: 'ok', facts: `${name} ${engineVersion}, ${sizeBytes} bytes` });
  const listed = Object.entries(settings).map(([setting, value]) => `${setting}=${value}`);
  checks.push({ check: 'settings', result: 'ok', facts: listed.join(' ') });
  const damage = (await engine.check?.()) ?? [];
  checks.push({
    check: 'structure',
    result: damage.length === 0 ? 'ok' : 'problem',
    facts:
      damage.length === 0 ? 'quick check passed' : `${damage.join('; ')}: keep the file and restore a backup`,
  });
  checks.push(await liveCopy(rookery));
  const sound = checks.every(({ result }) => result === 'ok');
  output.suggest('rookery audit verify');
  output.data({ ok: sound, checks }, () => renderTable(checks.map((check) => ({ ...check }))));
  if (!sound) process.exitCode = 1;
}

/** How long it may take to find out. */
const redisMs = 2000;

/** How far the live copy has come; where a Redis is named, also whether it can be reached. */
async function liveCopy(rookery: Rookery): Promise<Check> {
  const { storedPosition, head } = await rookery.live.status();
  const progress =
    storedPosition === null
      ? 'no relay'
      : `position ${storedPosition} of ${head}, ${head - storedPosition} entries behind`;
  const place = process.env['ROOKERY_REDIS_URL'];
  if (place === undefined) return { check: 'live copy', result: 'ok', facts: progress };
  const port = await redisPortOf(place);
  try {
    const deadline = performance.now() + redisMs;
    while (port.state === 'connecting' && performance.now() < deadline) await delay(20);
    const reached = port.state === 'connected';
    const facts = reached ? 'can be reached' : `cannot be reached: ${port.lastError ?? 'no answer'}`;
    return {
      check: 'live copy',
      result: reached ? 'ok' : 'problem',
      facts: `${progress}; Redis at ${port.endpoint} ${facts}`,
    };
  } finally {
    await port.close();
  }
}

/** Keys and data must be readable by their owner alone. */
function permissions(folder: string, file: string): Check[] {
  const expected: [path: string, mode: number][] = [
    [folder, 0o700],
    [file, 0o600],
    [join(folder, rootKeyName), 0o600],
    [join(folder, 'admin.token'), 0o600],
  ];
  return expected
    .filter(([path]) => existsSync(path))
    .map(([path, mode]) => {
      const actual = statSync(path).mode & 0o777;
      const closed = (actual & 0o077) === 0;
      return {
        check: 'permissions',
        result: closed ? ('ok' as const) : ('problem' as const),
        facts: closed
          ? `${path} ${actual.toString(8)}`
          : `${path} is open to others (${actual.toString(8)}): chmod ${mode.toString(8)} ${path}`,
      };
    });
}
