import { Type } from '@really/protocol/schema';
import { AnyObject } from '../../platform/record-schema.js';

/** An `Auth` as it is stored with work that goes on in its name: see `plainAuth`. */
export const storedAuth = Type.Object({
  uid: Type.String(),
  authType: Type.Optional(Type.String()),
  _r: Type.Optional(Type.String()),
  data: Type.Optional(AnyObject),
  admin: Type.Optional(Type.Unsafe<true>({ enum: [true] })),
});
