import type { JsonObject, JsonValue } from '../../json/json.js';
import { type TProperties, Type } from '../../typebox.js';

/** Members that several commands have. */

/** The text of an R; what kind is wanted is each command's to say. */
export const R = Type.String();

/** Goes through logs and traces, so it has a bound. */
export const TraceId = Type.Optional(Type.String({ maxLength: 256 }));

/** A revision. One that is too large for any object is judged by the command, not here. */
export const Rev = Type.Integer({ minimum: 0 });

/** Names of top-level fields, and of field sets as `@name`. */
export const Fields = Type.Array(Type.String());

/** A place in the store's log, as a push told it. Opaque. */
export const Position = Type.String();

export const AnyValue = Type.Unsafe<JsonValue>({});

export const AnyObject = Type.Unsafe<JsonObject>({ type: 'object' });

/** What `cmdOpts` and the objects in it look like: a member that is not known is refused, for it was meant to change something. */
export function Options<Members extends TProperties>(members: Members) {
  return Type.Object(members, { additionalProperties: false });
}

/** Of commands that have no options. */
export const NoOptions = Options({});

/** The epoch of a store, as `initialized` told it. Opaque. */
export const Epoch = Type.String();

/** The view that something was heard under, as an answer or push told it. Opaque. */
export const View = Type.String();

/** An id of the client's: a second command of the same uid with it changes nothing. */
const Once = Type.String({ minLength: 1, maxLength: 64 });

/** Options of a command that writes. */
export const WriteOptions = Options({ once: Type.Optional(Once) });

/** Options of a command that changes what is there. */
export const ChangeOptions = Options({
  once: Type.Optional(Once),
  /** That of the revision which the command names. */
  epoch: Type.Optional(Epoch),
});
