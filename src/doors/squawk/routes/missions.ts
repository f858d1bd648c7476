import * as missions from '../../../domains/missions/missions.ts';
import { limits } from '../../../kernel/limits.ts';
import { ok, Refused } from '../answers.ts';
import { type Endpoint, isText } from '../exchange.ts';
import { numberIn, orMissing, pick, textIn } from '../fields.ts';
import { missionOf } from '../mission-shapes.ts';

export const missionNotFound = () => new Refused(404, 'Mission not found');

const said = { title: 'title', description: 'description', priority: 'priority', metadata: 'metadata' };

const create: Endpoint = {
  method: 'POST',
  path: /^\/api\/v1\/missions$/,
  failure: 'Failed to create mission',
  async run(exchange) {
    const body = await exchange.body();
    if (!isText(body['title'])) throw new Refused(400, 'title is required');
    const mission = await exchange.invoke(missions.create, pick(body, said));
    return { status: 201, body: { mission: missionOf(mission) } };
  },
};

const list: Endpoint = {
  method: 'GET',
  path: /^\/api\/v1\/missions$/,
  failure: 'Failed to list missions',
  async run(exchange) {
    const page = await exchange.invoke(missions.list, {
      status: textIn(exchange, 'status'),
      limit: numberIn(exchange, 'limit', 100, limits.pageSize),
      offset: numberIn(exchange, 'offset', 0, 1_000_000),
    });
    return ok({ missions: page.missions.map(missionOf), total: page.total });
  },
};

const get: Endpoint = {
  method: 'GET',
  path: /^\/api\/v1\/missions\/([^/]+)$/,
  failure: 'Failed to get mission',
  async run(exchange) {
    const id = exchange.parameter(missionNotFound());
    return ok({
      mission: missionOf(await orMissing(exchange.invoke(missions.get, { id }), missionNotFound)),
    });
  },
};

const patch: Endpoint = {
  method: 'PATCH',
  path: /^\/api\/v1\/missions\/([^/]+)$/,
  failure: 'Failed to update mission',
  async run(exchange) {
    const id = exchange.parameter(missionNotFound());
    const names = { ...said, status: 'status', result: 'result', verdict: 'verdict' };
    const input = { id, ...pick(await exchange.body(), names) };
    return ok({
      mission: missionOf(await orMissing(exchange.invoke(missions.update, input), missionNotFound)),
    });
  },
};

export const missionEndpoints: readonly Endpoint[] = [create, list, get, patch];
