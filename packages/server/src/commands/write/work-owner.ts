import { Type } from '@really/protocol/schema';
import { scriptOwnerOf } from '../../model/script-owner.js';
import { AnyObject } from '../../platform/record-schema.js';
import { SealKey, sealOf } from '../../platform/seal.js';
import type { CommandContext } from '../services.js';

/** An `Auth` as it is stored with work that goes on in its name: see `plainAuth`. */
export const storedAuth = Type.Object({
  uid: Type.String(),
  authType: Type.Optional(Type.String()),
  _r: Type.Optional(Type.String()),
  data: Type.Optional(AnyObject),
  admin: Type.Optional(Type.Unsafe<true>({ enum: [true] })),
});

/** Who work counts for, as it is stored: see `jobOwner`. */
export interface StoredOwner {
  /** Absent where it is the user in the `auth` of the work. */
  readonly owner?: string | undefined;
}

/**
 * The owner of the work that follows from a command, to be stored with it: of a hook's command the
 * owner of the hook. An address is stored as its seal, which nobody can turn back into it without
 * the secret of the app.
 */
export function ownerOfWork({ auth, owner, services }: CommandContext): StoredOwner {
  const found = owner ?? scriptOwnerOf(auth);
  if (found === `uid ${auth.uid}`) return {};
  if (owner !== undefined) return { owner };
  const { pageKey: key = new SealKey('') } = services;
  return { owner: `address ${sealOf(found, { key, length: 16 })}` };
}
