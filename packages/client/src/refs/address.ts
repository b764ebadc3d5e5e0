// Addresses as `parseR` of the protocol reads them, with no more of their parts than a client needs.

export interface ObjectAddress {
  /** Printed, `/users/1/posts/2`. */
  readonly r: string;
  readonly id: string;
}

export interface CollectionAddress {
  /** Printed, `/users/1/posts/*`. */
  readonly r: string;
  /** A parent of it is a wildcard. */
  readonly isBelowAny: boolean;
}

/** Collections with the ids of objects, collections with wildcards, and a last one for short. */
const parts =
  /^((?:\/[A-Za-z_][\w-]*\/[\w-]{1,64})*)((?:\/[A-Za-z_][\w-]*\/\*)*)(\/[A-Za-z_][\w-]*)?\/?$/;

/** Throws a `TypeError` where it is no address of an object. */
export function objectAddress(text: string): ObjectAddress {
  const [, r, ...collections] = parts.exec(text) ?? [];
  if (r && !collections.some(Boolean)) return { r, id: r.slice(r.lastIndexOf('/') + 1) };
  throw new TypeError(`${text} is no address of an object: expected one such as /users/1`);
}

/** Throws a `TypeError` where it is no address of a collection. */
export function collectionAddress(text: string): CollectionAddress {
  const [, object, any, last] = parts.exec(text) ?? [];
  if (any || last) {
    const r = `${object}${any}${last ? `${last}/*` : ''}`;
    return { r, isBelowAny: r.slice(0, -1).includes('*') };
  }
  throw new TypeError(`${text} is no address of a collection: expected one such as /users`);
}
