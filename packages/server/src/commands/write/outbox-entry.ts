import { type Auth, deepEqual, type JsonObject, ownMember, setMember } from '@really/protocol';
import { Type } from '@really/protocol/schema';
import { jobOwner } from '../../jobs/job-owner.js';
import { plainAuth } from '../../model/hooks.js';
import type { Hooks, Model } from '../../model/model.js';
import { estimateBytes } from '../../objects/estimate-bytes.js';
import { systemCreation } from '../../objects/system-records.js';
import { unavailable } from '../../objects/unavailable.js';
import type { PreparedWrite } from '../../objects/write-request.js';
import { AnyObject, fits } from '../../platform/record-schema.js';
import type { StoredObject } from '../../store/stored-object.js';
import type { Write } from '../../store/write-group.js';
import { type CommandContext, chargeForWriting } from '../services.js';
import { ownerOfWork, type StoredOwner, storedAuth } from './work-owner.js';

export type PostHookName = Extract<keyof Hooks, `post${string}`>;

/** Work for a post hook, committed with the write that it is about: the data that the hook sees. */
export interface OutboxEntry extends StoredOwner {
  readonly hook: PostHookName;
  /** The object, the revision that was written, and when: milliseconds since the Unix epoch. */
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
  /** Rs of what the hook asked for, once it is written in parts. */
  readonly parts?: readonly string[] | undefined;
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
  const owned = ownerOfWork(context);
  if (chain === 0 && services.outboxFull?.(jobOwner({ ...owned, auth }))) throw unavailable();
  const { r, rev, at } = write.change;
  const { data } = hook === 'postDelete' && head ? head : write.object;
  // It is written with the object, and read for the hook.
  chargeForWriting(context, estimateBytes(data), 2);
  const { fields, before } = changed(hook, write, head);
  const found = { hook, r, rev, at, model: model.key, data, fields, before, auth, chain };
  const entry = { ...found, ...owned };
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
  const { auth, fields, parts: _, owner, ...plain } = entry;
  const data: JsonObject = { ...plain, fields: [...fields], auth: plainAuth(auth) };
  if (owner !== undefined) data.owner = owner;
  return systemCreation(r, data, entry.at);
}

const entrySchema = Type.Object({
  hook: Type.Enum(Object.values(hooks)),
  r: Type.String(),
  rev: Type.Number(),
  at: Type.Number(),
  model: Type.String(),
  data: AnyObject,
  fields: Type.Array(Type.String()),
  before: AnyObject,
  auth: storedAuth,
  chain: Type.Number(),
  owner: Type.Optional(Type.String()),
  parts: Type.Optional(Type.Array(Type.String())),
});

/** `undefined` where this version cannot read it. */
export function readEntry(data: JsonObject): OutboxEntry | undefined {
  return fits(entrySchema, data) ? data : undefined;
}
