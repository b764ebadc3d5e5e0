import type { JsonObject, JsonValue } from '../../json/json.js';
import { type TProperties, Type } from '../../typebox.js';

/** Members that several commands have. */

/** The text of an R; each command checks its kind. */
export const R = Type.String();

/** Limited because it is written to logs and traces. */
export const TraceId = Type.Optional(Type.String({ maxLength: 256 }));

/** A revision. One that is too large for any object is left to the command. */
export const Rev = Type.Integer({ minimum: 0 });

/** Names of top-level fields, and of field sets as `@name`. */
export const Fields = Type.Array(Type.String());

/** Items of a page, or objects of a window. */
export const Limit = Type.Integer({ minimum: 1, maximum: 1000 });

/** A position in the store's log, from a push. Opaque. */
export const Position = Type.String();

export const AnyValue = Type.Unsafe<JsonValue>({});

export const AnyObject = Type.Unsafe<JsonObject>({ type: 'object' });

/**
 * `cmdOpts` and the objects in it: unknown members are refused, because ignoring an option could
 * change the meaning.
 */
export function Options<Members extends TProperties>(members: Members) {
  return Type.Object(members, { additionalProperties: false });
}

/** Of commands that have no options. */
export const NoOptions = Options({});

/** The epoch of a store, from `initialized`. Opaque. */
export const Epoch = Type.String();

/** The view in which a revision was sent, from a response or push. Opaque. */
export const View = Type.String();

/** An id chosen by the client: a second command of the same uid with it changes nothing. */
const Once = Type.String({ minLength: 1, maxLength: 64 });

/** Options of a command that writes. */
export const WriteOptions = Options({ once: Type.Optional(Once) });

/** Options of a command that changes an existing object. */
export const ChangeOptions = Options({
  once: Type.Optional(Once),
  /** The epoch of the command's revision. */
  epoch: Type.Optional(Epoch),
});
