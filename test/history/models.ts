import type { Model } from './checker.ts';

/** A register with compare-and-set that starts empty: the model of the published etcd histories. */
export type RegisterCall =
  | { readonly f: 'read'; readonly value: null }
  | { readonly f: 'write'; readonly value: number }
  | { readonly f: 'cas'; readonly value: readonly [expected: number, next: number] };
/** The value that was read, or whether the comparison held. */
export type RegisterAnswer = number | null | boolean;

export const register: Model<number | null, RegisterCall, RegisterAnswer> = {
  initial: null,
  key: String,
  step(state, call, answer) {
    switch (call.f) {
      case 'read':
        return answer === undefined || answer === state ? state : undefined;
      case 'write':
        return call.value;
      case 'cas': {
        const holds = state === call.value[0];
        if (answer !== undefined && answer !== holds) return undefined;
        return holds ? call.value[1] : state;
      }
    }
  },
};

/** A text to be read, replaced and appended to, empty at first: the model of the published key-value histories. */
export interface TextCall {
  readonly f: 'get' | 'put' | 'append';
  readonly value: string;
}

export const text: Model<string, TextCall, string> = {
  initial: '',
  key: (state) => state,
  step(state, { f, value }, answer) {
    if (f === 'put') return value;
    if (f === 'append') return state + value;
    return answer === undefined || answer === state ? state : undefined;
  },
};

/** One key of memory. Its revision grows by one at each change, also across deletion [KV1, KV2, KV3, KV4]. */
export type ItemCall =
  | { readonly f: 'get' | 'delete'; readonly value: null }
  | { readonly f: 'set' | 'incr'; readonly value: number }
  | { readonly f: 'cas'; readonly value: readonly [expectedRevision: number, next: number] };
/** What is there afterwards (null where there is nothing to say it of), or the revision that a comparison failed on. */
export type ItemAnswer = ItemState | { readonly actual: number } | null;

export interface ItemState {
  readonly revision: number;
  readonly value: number | null;
}

export const item: Model<ItemState, ItemCall, ItemAnswer> = {
  initial: { revision: 0, value: null },
  key: ({ revision, value }) => `${revision} ${value}`,
  step(state, call, answer) {
    const current = state.value === null ? 0 : state.revision;
    const refused = call.f === 'cas' && call.value[0] !== current;
    const next = refused ? state : afterItemCall(state, call);
    if (answer === undefined) return next;
    if (answer === null) return isNothing(state, call) ? next : undefined;
    if ('actual' in answer) return refused && answer.actual === current ? state : undefined;
    if (refused || isNothing(state, call)) return undefined;
    return answer.revision === next.revision && answer.value === next.value ? next : undefined;
  },
};

function isNothing(state: ItemState, { f }: ItemCall): boolean {
  return state.value === null && (f === 'get' || f === 'delete');
}

function afterItemCall(state: ItemState, call: ItemCall): ItemState {
  const revision = state.revision + 1;
  switch (call.f) {
    case 'get':
      return state;
    case 'set':
      return { revision, value: call.value };
    case 'cas':
      return { revision, value: call.value[1] };
    case 'incr':
      return { revision, value: (state.value ?? 0) + call.value };
    case 'delete':
      return state.value === null ? state : { revision, value: null };
  }
}

/**
 * One exclusive lock. Grants are named by who acquired it for the how-many-th time, so that a grant whose answer was
 * lost has a name too. Each grant carries a larger token than all before [LK1], two never overlap [LK2], and whether
 * one is in force is one question everywhere.
 */
export interface LockCall {
  readonly f: 'acquire' | 'release' | 'check' | 'expire';
  /** The grant that it is about. */
  readonly value: string;
}
/** A token, or whether the grant was in force. An acquisition that was refused: somebody else held it. */
export type LockAnswer = number | boolean;

export interface LockState {
  readonly holder: string | null;
  /** All tokens up to this one are used up, as far as is known. */
  readonly used: number;
}

export const lock: Model<LockState, LockCall, LockAnswer> = {
  initial: { holder: null, used: 0 },
  key: ({ holder, used }) => `${holder} ${used}`,
  step(state, { f, value: grant }, answer) {
    const inForce = state.holder === grant;
    const free = inForce ? { ...state, holder: null } : state;
    switch (f) {
      case 'acquire':
        if (answer === false) return state.holder !== null && !inForce ? state : undefined;
        if (state.holder !== null || (typeof answer === 'number' && answer <= state.used)) return undefined;
        return { holder: grant, used: typeof answer === 'number' ? answer : state.used + 1 };
      case 'check':
        return answer === undefined || answer === inForce ? state : undefined;
      case 'release':
        return answer === undefined || answer === inForce ? free : undefined;
      case 'expire':
        return free;
    }
  },
};

/** A stream and a group that takes from it, one event at a time, none twice, in order [GR1, GR3, ST1, ST2]. */
export interface QueueCall {
  readonly f: 'append' | 'receive';
  readonly value: null;
}
/** The position of what was appended or received; 0 when nothing was there. */
export type QueueAnswer = number;

export interface QueueState {
  readonly appended: number;
  readonly received: number;
}

export const queue: Model<QueueState, QueueCall, QueueAnswer> = {
  initial: { appended: 0, received: 0 },
  key: ({ appended, received }) => `${appended} ${received}`,
  step({ appended, received }, { f }, answer) {
    if (f === 'append') {
      const next = appended + 1;
      return answer === undefined || answer === next ? { appended: next, received } : undefined;
    }
    const next = received < appended ? received + 1 : 0;
    if (answer !== undefined && answer !== next) return undefined;
    return { appended, received: next === 0 ? received : next };
  },
};
