import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Logger, pino } from 'pino';
import { createSecretFile, rootKeyName } from '../../folder.ts';
import { administrator, ensureAdminToken } from '../../kernel/access/tokens.ts';
import { invalid } from '../../kernel/errors.ts';
import { openRookery, type Rookery, type RookeryOptions } from '../../rookery.ts';
import { tellDeaths, tidy } from '../../tidying.ts';
import { Metrics } from '../http/metrics.ts';
import { startServer } from '../http/server.ts';
import { squawkDoor } from '../squawk/http.ts';
import { Output } from './output.ts';
import { dataFolder, type GlobalOptions } from './session.ts';

export interface ServeOptions extends GlobalOptions {
  readonly port: string;
  readonly host: string;
  readonly open?: boolean;
  readonly allowOrigin?: string[];
  readonly logLevel: string;
  readonly redis?: string;
  readonly dualWrite?: boolean;
  readonly keepEnded?: string;
}

export const adminTokenName = 'admin.token';

const tidyIntervalMs = 60_000;
/** What a death may be told late, where nobody waits for one. */
const sweepIntervalMs = 10_000;

/** Runs the server until a signal ends it. The first start makes what is missing and says so. */
export async function serve(options: ServeOptions): Promise<void> {
  const output = new Output(options.json ?? false);
  const port = Number(options.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw invalid('port', 'a number from 0 to 65535');
  const keepEndedMs = keptFor(options.keepEnded);
  const log = pino(
    { level: options.logLevel, base: { service: 'rookery' } },
    pino.destination({ dest: 2, sync: false }),
  );
  const folder = dataFolder(options);
  const newRootKey = !existsSync(join(folder, rootKeyName));
  const metrics = new Metrics();
  const rookery = await openRookery({ path: folder, observe: metrics.observe, ...redisOf(options) });
  try {
    const tokenFile = join(folder, adminTokenName);
    const newToken = await writeAdminToken(rookery.store, tokenFile);
    const squawk = squawkDoor(rookery.store, {
      agent: administrator,
      flightline: join(folder, '.flightline'),
      allowedOrigins: options.allowOrigin ?? [],
      onFailure: (error, requestId) => log.error({ requestId, err: error }, 'request failed'),
      onSweep: (released) => log.info({ released }, `Released ${released} expired locks`),
    });
    const server = await startServer({
      store: rookery.store,
      port,
      host: options.host,
      open: options.open ?? false,
      allowedOrigins: options.allowOrigin ?? [],
      metrics,
      doors: [squawk.door],
      onFailure: (error, requestId) => log.error({ requestId, err: error }, 'request failed'),
      onAnswer: (answer) => log.debug(answer, 'request'),
    });
    announce(output, {
      url: server.url,
      folder,
      tokenFile,
      newRootKey,
      newToken,
      open: options.open ?? false,
      redis: rookery.store.live?.endpoint ?? null,
    });
    tellOfRedis(rookery, log);
    const goOn = () =>
      rookery.store.upkeep
        .resume()
        .catch((error: unknown) => log.error({ err: error }, 'rotation and erasures wait'));
    await goOn();
    const tidying = setInterval(() => {
      void goOn();
      tidy(rookery, { keepEndedMs }).catch((error: unknown) => log.error({ err: error }, 'tidying failed'));
    }, tidyIntervalMs);
    const mourning = setInterval(() => {
      tellDeaths(rookery)
        .then((deaths) => {
          for (const death of deaths) log.info(death, 'agent is dead');
        })
        .catch((error: unknown) => log.error({ err: error }, 'looking for dead agents failed'));
    }, sweepIntervalMs);
    await untilSignal();
    clearInterval(tidying);
    clearInterval(mourning);
    output.say('stopping …');
    squawk.close();
    await server.close();
  } finally {
    await rookery.close();
  }
}

function keptFor(days: string | undefined): number | undefined {
  if (days === undefined) return undefined;
  if (/^[1-9]\d{0,4}$/.test(days)) return Number(days) * 86_400_000;
  throw invalid('keepEnded', 'a whole number of days, at least 1');
}

/** Writes go on without Redis, so that it is away has to be told. */
function tellOfRedis({ store: { live } }: Rookery, log: Logger): void {
  const endpoint = live?.endpoint;
  live?.onState((state) => {
    if (state === 'away') log.warn({ endpoint, reason: live.lastError }, 'Redis is away');
    if (state === 'connected') log.info({ endpoint }, 'Redis is there');
  });
}

/** Where the live copy is kept. Without a place there is nobody to wait for. */
function redisOf({ redis, dualWrite }: ServeOptions): Pick<RookeryOptions, 'redis' | 'dualWrite'> {
  const place = redis ?? process.env['ROOKERY_REDIS_URL'];
  if (place === undefined && dualWrite) throw invalid('dualWrite', 'only with --redis or ROOKERY_REDIS_URL');
  return place === undefined ? {} : { redis: place, dualWrite: dualWrite ?? false };
}

/** Sees to it that the file holds a live admin token; a lost, empty or dead one is replaced. Answers whether it is new. */
async function writeAdminToken(
  store: Parameters<typeof ensureAdminToken>[0],
  file: string,
): Promise<boolean> {
  const present = existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined;
  const token = await ensureAdminToken(store, present);
  if (token === present) return false;
  if (present !== undefined) rmSync(file, { force: true });
  return createSecretFile(file, `${token}\n`);
}

interface Started {
  readonly url: string;
  readonly folder: string;
  readonly tokenFile: string;
  readonly newRootKey: boolean;
  readonly newToken: boolean;
  readonly open: boolean;
  readonly redis: string | null;
}

function announce(output: Output, started: Started): void {
  const { url, folder, tokenFile, newRootKey, newToken, open, redis } = started;
  output.data({ url, data: folder, admin_token_file: tokenFile, open, redis }, () =>
    [
      `Rookery listens on ${url}`,
      `  data         ${folder}${newRootKey ? ` (new; its root key is ${rootKeyName}: keep a copy somewhere safe)` : ''}`,
      `  admin token  ${tokenFile}${newToken ? ' (new)' : ''}`,
      `  operations   ${url}/docs`,
      ...(redis === null ? [] : [`  live copy    ${redis}`]),
      '',
      'Try:',
      `  export ROOKERY_URL=${url} ROOKERY_TOKEN=$(cat ${tokenFile})`,
      `  npx rookery memory set plan '{"step": 1}' && npx rookery memory get plan`,
    ].join('\n'),
  );
  if (open) {
    output.warn('OPEN MODE: every process on this machine can act as any agent, without a token.');
  }
}

function untilSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
}
