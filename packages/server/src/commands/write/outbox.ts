import {
  type Auth,
  deepEqual,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  ownMember,
  setMember,
} from '@really/protocol';
import { plainAuth } from '../../model/hooks.js';
import type { Hooks, Model } from '../../model/model.js';
import { createWrite } from '../../objects/change.js';
import { unavailable } from '../../objects/unavailable.js';
import type { PreparedWrite } from '../../objects/write-request.js';
import type { StoredObject, Write } from '../../store/store.js';
import type { CommandContext } from '../services.js';

export type PostHookName = Extract<keyof Hooks, `post${string}`>;

/** Work for a post hook, committed with the write that it is about: the data that the hook sees. */
export interface OutboxEntry {
  readonly hook: PostHookName;
  /**
   * The object, the revision that the write made, and its time in milliseconds since the Unix
   * epoch.
   */
  readonly r: string;
  readonly rev: number;
  readonly at: number;
  /** Names of its collection, joined with `/`. */
  readonly model: string;
  /** The data after a creation or an update, before a deletion. */
  readonly data: JsonObject;
  /** The fields that changed; for an update each with its previous value, if it had one. */
  readonly fields: readonly string[];
  readonly before: JsonObject;
  readonly auth: Auth;
  /** Hook depth: the number of post hooks that led to the write; 0 for a client's write. */
  readonly chain: number;
}

/** Thrown by a write that exceeds the maximum hook depth: post hooks that trigger each other. */
export class HookDepthExceeded extends Error {
  override readonly name = 'ChainTooLong';
}

const hooks = { create: 'postCreate', update: 'postUpdate', delete: 'postDelete' } as const;

/** The names of the outbox's collection. */
export const outbox = '_outbox';

/**
 * Rule POST1: the write, with an outbox entry where the model has a post hook for it. `head` is the
 * object before the write.
 */
export function withPostHook(
  context: CommandContext,
  model: Model,
  write: Write,
  head?: StoredObject,
): PreparedWrite {
  const hook = hooks[write.change.type];
  if (model.hooks[hook] === undefined) return write;
  const { hookDepth: chain = 0, services, auth } = context;
  if (chain >= services.limits.hookChain) {
    throw new HookDepthExceeded(
      `post hooks triggered each other ${chain} times, which is more than the limit`,
    );
  }
  // Writes of hooks always pass: the outbox shrinks only if they do.
  if (chain === 0 && services.outboxFull?.()) throw unavailable();
  const { r, rev, at } = write.change;
  const { data } = hook === 'postDelete' && head ? head : write.object;
  const { fields, before } = changed(hook, write, head);
  const entry = { hook, r, rev, at, model: model.key, data, fields, before, auth, chain };
  return { ...write, sideWrites: [entryWrite(`/${outbox}/${services.objects.newId()}`, entry)] };
}

function changed(
  hook: PostHookName,
  { change, object }: Write,
  head: StoredObject | undefined,
): Pick<OutboxEntry, 'fields' | 'before'> {
  const before: JsonObject = {};
  if (hook !== 'postUpdate' || !head) {
    return { fields: Object.keys(head?.data ?? object.data), before };
  }
  const fields = Object.keys(change.touched).filter((name) => {
    return !deepEqual(ownMember(head.data, name), ownMember(object.data, name));
  });
  for (const name of fields) {
    const value = ownMember(head.data, name);
    if (value !== undefined) setMember(before, name, value);
  }
  return { fields, before };
}

/** The creation of an entry. Its change has no content: nobody receives it. */
export function entryWrite(r: string, entry: OutboxEntry): Write {
  const { auth, fields, ...plain } = entry;
  const data: JsonObject = { ...plain, fields: [...fields], auth: plainAuth(auth) };
  const origin = { by: { uid: '_system' }, at: entry.at, modelVersion: 0 };
  const write = createWrite(r, data, origin);
  return { ...write, change: { ...write.change, created: {} } };
}

/** `undefined` where this version cannot read it. */
export function readEntry(data: JsonObject): OutboxEntry | undefined {
  const { r, rev, at, model, fields, data: whole, before, chain } = data;
  const hook = Object.values(hooks).find((name) => name === data.hook);
  const auth = authOf(data.auth);
  const isWhole =
    typeof r === 'string' &&
    typeof rev === 'number' &&
    typeof at === 'number' &&
    typeof model === 'string' &&
    typeof chain === 'number' &&
    Array.isArray(fields) &&
    isJsonObject(whole) &&
    isJsonObject(before);
  if (!isWhole || hook === undefined || auth === undefined) return undefined;
  const names = fields.filter((name) => typeof name === 'string');
  return { hook, r, rev, at, model, data: whole, fields: names, before, auth, chain };
}

function authOf(stored: JsonValue | undefined): Auth | undefined {
  if (!isJsonObject(stored) || typeof stored.uid !== 'string') return undefined;
  const { uid, authType, _r, data } = stored;
  return {
    uid,
    ...(typeof authType === 'string' && { authType }),
    ...(typeof _r === 'string' && { _r }),
    ...(isJsonObject(data) && { data }),
  };
}
