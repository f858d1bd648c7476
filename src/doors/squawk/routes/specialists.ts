import * as tokens from '../../../domains/access/tokens.ts';
import * as fleet from '../../../domains/fleet/specialists/operations.ts';
import { isRookeryError } from '../../../kernel/errors.ts';
import { id as plainId } from '../../../kernel/schema.ts';
import { ok, Refused } from '../answers.ts';
import { type Endpoint, type Exchange, isText } from '../exchange.ts';
import { pick } from '../fields.ts';
import { specialistOf } from '../shapes.ts';
import { everySpecialist } from '../specialists.ts';

const register: Endpoint = {
  method: 'POST',
  path: /^\/api\/v1\/specialists\/register$/,
  failure: 'Failed to register specialist',
  async run(exchange) {
    const { specialist_id, name, capabilities, metadata } = await exchange.body();
    if (!isText(name)) throw new Refused(400, 'name is required');
    if (specialist_id !== undefined && specialist_id !== null && !isText(specialist_id))
      throw new Refused(400, 'specialist_id must be a text that is not empty');
    const given = specialist_id ?? undefined;
    if (given !== undefined) await exchange.speakFor(given);
    const known = given !== undefined && (await exchange.invoke(fleet.get, { id: given }));
    const specialist = await exchange.invoke(fleet.register, {
      id: given,
      name,
      capabilities: capabilities ?? undefined,
      metadata: metadata ?? undefined,
    });
    const token = known ? undefined : await secretFor(exchange, specialist.id);
    return { status: 201, body: { specialist: specialistOf(specialist), ...(token && { token }) } };
  },
};

/**
 * The secret of a new specialist, where an administrator registers it. Who registers itself has one already, and on an
 * open server nobody needs one. A token's agent has no "/", "*" or ":" in its id; a specialist that has gets none.
 */
async function secretFor(exchange: Exchange, id: string): Promise<string | undefined> {
  const due = exchange.rights.has('admin') && id !== exchange.agent && plainId.safeParse(id).success;
  if (!due) return undefined;
  return (await exchange.invoke(tokens.create, { agent: id, label: 'made at registration' })).token;
}

const heartbeat: Endpoint = {
  method: 'POST',
  path: /^\/api\/v1\/specialists\/([^/]+)\/heartbeat$/,
  failure: 'Failed to record heartbeat',
  async run(exchange) {
    const id = exchange.parameter(notFound());
    const said = exchange.hasBody ? await exchange.body() : {};
    await exchange.speakFor(id);
    const input = { id, ...pick(said, { status: 'status', current_sortie: 'currentSortie' }) };
    return await answer(exchange.invoke(fleet.heartbeat, input));
  },
};

const list: Endpoint = {
  method: 'GET',
  path: /^\/api\/v1\/specialists$/,
  failure: 'Failed to list specialists',
  run: async (exchange) => ok({ specialists: await everySpecialist(exchange.invoke) }),
};

const get: Endpoint = {
  method: 'GET',
  path: /^\/api\/v1\/specialists\/(?!register$)([^/]+)$/,
  failure: 'Failed to get specialist',
  run: (exchange) => answer(exchange.invoke(fleet.get, { id: exchange.parameter(notFound()) })),
};

async function answer(asked: Promise<Parameters<typeof specialistOf>[0] | null>) {
  const specialist = await asked.catch((error: unknown) => {
    throw isRookeryError(error, 'INVALID_INPUT') && error.details['field'] === 'id' ? notFound() : error;
  });
  if (!specialist) throw notFound();
  return ok({ specialist: specialistOf(specialist) });
}

const notFound = () => new Refused(404, 'Specialist not found');

export const specialists: readonly Endpoint[] = [register, heartbeat, list, get];
