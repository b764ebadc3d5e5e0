import type { Auth, JsonObject } from '@really/protocol';
import { Type } from '@really/protocol/schema';
import { deletionEffects } from '../../model/deletion-effects.js';
import { plainAuth } from '../../model/hooks.js';
import type { Model } from '../../model/model.js';
import { systemCreation } from '../../objects/system-records.js';
import type { PreparedWrite } from '../../objects/write-request.js';
import { fits, Whole } from '../../platform/record-schema.js';
import type { CommandContext } from '../services.js';
import { ownerOfWork, type StoredOwner, storedAuth } from './work-owner.js';

/** The names of the collection of unfinished cascades. */
export const cascades = '_cascades';

/**
 * A deletion that is to be followed by what depends on the object: committed with it, and erased
 * when nothing is left that depends (rule CAS5).
 */
export interface CascadeEntry extends StoredOwner {
  /** The deleted object. */
  readonly r: string;
  /** The topmost object in the address of `r` that is deleted with it: an object above it, or `r` itself. */
  readonly cause: string;
  /** Who sent the command that led to it. */
  readonly auth: Auth;
  /** When `r` was deleted, milliseconds since the Unix epoch. */
  readonly at: number;
  /** Number of post hooks that led to the deletion, as in the outbox. */
  readonly chain: number;
}

const schema = Type.Object({
  r: Type.String(),
  cause: Type.String(),
  auth: storedAuth,
  at: Whole(0),
  chain: Whole(0),
  owner: Type.Optional(Type.String()),
});

/** `undefined` where this version cannot read it. */
export function readCascadeEntry(data: JsonObject): CascadeEntry | undefined {
  return fits(schema, data) ? data : undefined;
}

/** Adds an entry to a deletion, where the models say that something follows it. */
export function withCascade(
  context: CommandContext,
  model: Model,
  write: PreparedWrite,
): PreparedWrite {
  const { services, auth, hookDepth = 0, cause } = context;
  if (deletionEffects(services.models(), model).steps.length === 0) return write;
  const { r, at } = write.change;
  const top = cause !== undefined && r.startsWith(`${cause}/`) ? cause : r;
  const found = { r, cause: top, auth: plainAuth(auth), at, chain: hookDepth };
  const { owner } = ownerOfWork(context);
  const entry = owner === undefined ? found : { ...found, owner };
  const creation = systemCreation(`/${cascades}/${services.objects.newId()}`, entry, at);
  return { ...write, sideWrites: [...(write.sideWrites ?? []), creation] };
}
