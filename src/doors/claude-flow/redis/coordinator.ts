import * as fleet from '../../../domains/fleet/operations.ts';
import { type RedisPort, type RedisState, redisPortOf } from '../../../kernel/live/redis.ts';
import { Emitter } from '../emitter.ts';
import { SwarmMemoryManager } from '../memory/manager.ts';
import type { MemorySession } from '../memory/session.ts';
import { ChannelConnection } from './connection.ts';
import * as consensus from './consensus.ts';
import {
  type Envelope,
  envelopeOf,
  type Message,
  type PublishOptions,
  readEnvelope,
  signed,
} from './envelope.ts';
import { channelNames, channelOf, eventOf, memoryOperation } from './messages.ts';
import { type CoordinatorMetrics, Meter } from './meter.ts';
import { coordinatorSettings, type RedisCoordinatorOptions } from './options.ts';
import { type Participant, Participants } from './participants.ts';
import { ShutdownGuard } from './shutdown.ts';

export type MessageHearer = (message: Message, envelope: Envelope) => void;

/** How long `initialize` waits for the server to be there or not. */
const firstAnswerMs = 3000;

/**
 * Seed 001's coordination over Redis: channels of a swarm, who takes part in it, and consensus. Messages are hints between
 * processes: what counts (votes, roles, presence) is in the store, and goes on while Redis is away.
 */
export class RedisCoordinator extends Emitter {
  readonly #options: RedisCoordinatorOptions;
  readonly #settings: ReturnType<typeof coordinatorSettings>;
  readonly #manager: SwarmMemoryManager;
  readonly #own: boolean;
  readonly #meter = new Meter();
  #port: RedisPort | undefined;
  #channels: ChannelConnection | undefined;
  #participants: Participants | undefined;
  #guard: ShutdownGuard | undefined;
  #heartbeats: NodeJS.Timeout | undefined;
  #joining: Promise<void> | undefined;
  #beginning: Promise<void> | undefined;
  #ending: Promise<void> | undefined;

  constructor(options: RedisCoordinatorOptions = {}) {
    super('RedisCoordinator', options);
    const { memoryManager, swarmId, agentId } = options;
    this.#options = options;
    this.#settings = coordinatorSettings(options);
    this.#own = memoryManager === undefined;
    this.#manager = memoryManager ?? new SwarmMemoryManager({ swarmId, agentId });
  }

  get isConnected(): boolean {
    return this.#port?.state === 'connected';
  }

  /** Resolves also where Redis is away, within 3 s: it is tried again for ever. Safe to repeat. */
  async initialize(): Promise<this> {
    this.#beginning ??= this.#begin();
    await awake(this.#beginning);
    return this;
  }

  async #begin(): Promise<void> {
    const { location, swarmId, heartbeatMs } = this.#settings;
    const session = await this.#manager.session();
    this.#guard = new ShutdownGuard(session);
    const port = await redisPortOf(this.#options.redisClient ?? location).catch((error: unknown) => {
      // Without the package there is no Redis, and everything that is in the store goes on.
      this.fail(error);
      return undefined;
    });
    this.#heartbeats = setInterval(() => void this.#beat(), heartbeatMs);
    this.#heartbeats.unref();
    if (port) await this.#connect(port);
    this.emit('initialized', { swarmId });
  }

  async #connect(port: RedisPort): Promise<void> {
    const { prefix, swarmId, heartbeatMs } = this.#settings;
    this.#port = port;
    this.#participants = new Participants(port, prefix, swarmId, heartbeatMs);
    this.#channels = new ChannelConnection(port);
    port.onState((state) => void this.#become(state).catch((error: unknown) => this.#troubled(error)));
    for (const name of [...channelNames, 'global']) await this.#listen(channelOf(prefix, swarmId, name));
    await firstAnswer(port);
    if (port.state === 'connected') await this.#become('connected');
    else this.#away();
    await this.#joining?.catch((error: unknown) => this.#troubled(error));
  }

  async #become(state: RedisState): Promise<void> {
    if (this.#ending || this.#meter.state === state) return;
    const before = this.#meter.state;
    this.#meter.state = state;
    if (state === 'away' && before === 'connected') this.#away();
    if (state !== 'connected') return;
    if (this.#meter.connections++ > 0) this.log('info', 'connected again');
    this.#joining = this.#join();
    await this.#joining;
  }

  async #join(): Promise<void> {
    await this.#channels?.settled();
    await this.#participants?.join(this.#settings.agentId, Date.now());
    this.emit('redisConnected', { endpoint: this.#port!.endpoint });
    await this.publish('coordination', { type: 'agent_registered', agentId: this.#settings.agentId });
  }

  #away(): void {
    const { endpoint = '', lastError = 'it cannot be reached' } = this.#port ?? {};
    this.emit('redisDisconnected', { endpoint });
    this.fail(new Error(`Redis at ${endpoint} is away: ${lastError}`));
  }

  async #listen(channel: string): Promise<void> {
    await this.#channels!.subscribe(channel, (text) => {
      const envelope = this.#received(text);
      if (envelope) void this.#react(envelope).catch((error: unknown) => this.#troubled(error));
    });
  }

  /** Messages of others; undefined for its own and for what is no envelope. */
  #received(text: string): Envelope | undefined {
    const envelope = readEnvelope(text);
    if (!envelope || envelope.senderId === this.#settings.agentId) return undefined;
    this.#meter.received(Date.now() - envelope.timestamp);
    return envelope;
  }

  async #react(envelope: Envelope): Promise<void> {
    const { message, senderId } = envelope;
    const event = eventOf(message.type);
    if (event === undefined) return;
    if (message.type === 'shutdown_request' && !(await this.#guard!.admits(envelope, Date.now()))) {
      this.log('warn', `a shutdown_request of ${senderId} was ignored: it is not signed by the system role`);
      return;
    }
    if (message.type === 'heartbeat_request') await this.sendHeartbeat();
    if (message.type === 'status_request')
      await this.publish('coordination', { type: 'status_update', ...this.getMetrics() });
    this.#meter.learn(message);
    this.emit(event, { ...message, senderId });
  }

  /** Answers the id of the message. */
  async publish(channel: string, message: Message, options: PublishOptions = {}): Promise<string> {
    const { prefix, swarmId, agentId: senderId } = this.#settings;
    const name = channelOf(prefix, swarmId, channel);
    return await this.#send(envelopeOf({ swarmId, senderId }, name, message, options));
  }

  async #send(envelope: Envelope): Promise<string> {
    if (!this.#port || !this.isConnected) throw new Error('Redis coordinator not connected');
    await awake(this.#port.command('PUBLISH', envelope.channel, JSON.stringify(envelope)));
    this.#meter.messagesSent++;
    return envelope.id;
  }

  /** What others publish in a channel. Answers how to stop. */
  async subscribe(channel: string, handler: MessageHearer): Promise<() => Promise<void>> {
    const channels = this.#channels;
    if (!channels) throw new Error('Redis coordinator not connected');
    const { prefix, swarmId } = this.#settings;
    const hear = (text: string) => {
      const envelope = readEnvelope(text);
      if (!envelope || envelope.senderId === this.#settings.agentId) return;
      try {
        handler(envelope.message, envelope);
      } catch (error) {
        this.fail(error);
      }
    };
    return await awake(channels.subscribe(channelOf(prefix, swarmId, channel), hear));
  }

  /** Who was heard of lately; nobody where Redis is away. */
  async getParticipants(): Promise<Participant[]> {
    const listed = this.#participants?.list(Date.now()).catch(() => []);
    const found = (await (listed && awake(listed))) ?? [];
    this.#meter.participants = found.map(({ agentId }) => agentId);
    return found;
  }

  /** Opens a vote of everybody in the swarm and tells them. Answers its id. */
  async requestConsensus(targetId: string, targetType: string, threshold = 0.9): Promise<string> {
    const { agentId } = this.#settings;
    const target = { id: targetId, type: targetType };
    const consensusId = await consensus.request(await this.#session(), target, threshold, agentId);
    const message = { type: 'consensus_request', consensusId, targetId, targetType, threshold };
    await this.#hint('consensus', { ...message, requestedBy: agentId });
    return consensusId;
  }

  /** Votes as the coordinator's own agent, or as another one. Answers the id of the consensus. */
  async submitVote(
    consensusId: string,
    vote: consensus.Vote,
    confidence?: number,
    voterId: string = this.#settings.agentId,
  ): Promise<string> {
    await consensus.submit(await this.#session(), consensusId, vote, confidence, voterId);
    await this.#hint('consensus', { type: 'consensus_vote', consensusId, vote, confidence, voterId });
    return consensusId;
  }

  /** How a consensus stands; `null` for one that the agent does not see. */
  async getConsensus(consensusId: string): Promise<consensus.Consensus | null> {
    return await consensus.read(await this.#session(), consensusId, this.#settings.agentId);
  }

  /** A sign of life in the store and, where it is there, in Redis. */
  async sendHeartbeat(): Promise<void> {
    const { agentId } = this.#settings;
    await (await this.#session()).actors.invoke(fleet.heartbeat, { agentId }, {});
    this.#meter.lastHeartbeatTime = Date.now();
    if (this.isConnected) {
      await awake(this.#participants!.beat(agentId, this.#meter.lastHeartbeatTime));
      await this.publish('heartbeat', { type: 'heartbeat', agentId });
    }
    this.emit('heartbeat', { agentId, timestamp: this.#meter.lastHeartbeatTime });
  }

  async #beat(): Promise<void> {
    await this.sendHeartbeat().catch((error: unknown) => this.#troubled(error));
  }

  async coordinateSchemaOperation(operation: string, details: object = {}): Promise<string> {
    return await this.publish('sqlite', { type: 'schema_operation', operation, details });
  }

  /** Says that something was done; never with a value, and with the key only at swarm and project level. */
  async broadcastMemoryOperation(operation: string, key: string, details: object = {}): Promise<string> {
    return await this.publish('memory', memoryOperation(operation, key, { ...details }));
  }

  /** Asks every other coordinator of the swarm to stop: signed, and honoured from holders of the system role alone. */
  async requestShutdown(reason = ''): Promise<string> {
    const { swarmId, prefix, agentId: senderId } = this.#settings;
    const session = await this.#session();
    const channel = channelOf(prefix, swarmId, 'coordination');
    const message = { type: 'shutdown_request', reason };
    const envelope = envelopeOf({ swarmId, senderId }, channel, message, { ttl: 300 });
    const { store } = session.store.rookery;
    return await this.#send(await signed(store, session.actors.place.projectId, envelope));
  }

  getMetrics(): CoordinatorMetrics {
    return this.#meter.metrics(this.isConnected);
  }

  /** Tells the others, and ends its connections. Safe to repeat. */
  async shutdown(): Promise<void> {
    this.#ending ??= this.#end();
    await awake(this.#ending);
  }

  async #end(): Promise<void> {
    await this.#beginning?.catch(() => {});
    clearInterval(this.#heartbeats);
    const { agentId } = this.#settings;
    await this.#hint('coordination', { type: 'agent_disconnected', agentId });
    if (this.isConnected) await this.#participants?.leave(agentId).catch(() => {});
    await this.#channels?.close();
    await this.#port?.close();
    if (this.#own) await this.#manager.close();
    this.emit('shutdown');
  }

  /** A message that may be lost: what it tells of is in the store. */
  async #hint(channel: string, message: Message): Promise<void> {
    if (this.isConnected)
      await this.publish(channel, message).catch((error: unknown) => this.#troubled(error));
  }

  /** That the server went away meanwhile is told once, by its state. */
  #troubled(error: unknown): void {
    if (this.isConnected && !this.#ending) this.fail(error);
  }

  async #session(): Promise<MemorySession> {
    return await this.#manager.session();
  }
}

/** Resolves when the first attempt to connect has ended, or after a while. */
async function firstAnswer(port: RedisPort): Promise<void> {
  if (port.state !== 'connecting') return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, firstAnswerMs);
  const stop = port.onState(() => resolve());
  await promise;
  clearTimeout(timer);
  stop();
}

const longestTimerMs = 2 ** 31 - 1;

/** Connections to Redis keep no process alive, but somebody who waits for an answer does. */
async function awake<T>(answer: Promise<T>): Promise<T> {
  const hold = setInterval(() => {}, longestTimerMs);
  try {
    return await answer;
  } finally {
    clearInterval(hold);
  }
}
