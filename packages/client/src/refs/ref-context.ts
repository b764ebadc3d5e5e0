import { type CollectionR, type JsonObject, type ObjectR, parseR } from '@really/protocol/client';
import type { ListQuery } from '../live/list-query.js';
import type { LiveCopy } from '../live/live-copy.js';
import type { RequestOptions } from '../requests/reads.js';
import type { WireMessage, WireRequest } from '../wire-message.js';
import type { ClientCommand } from '../writes/client-command.js';
import type { ClientWrite, WriteOptions } from '../writes/client-write.js';
import { UpdateBuilder } from '../writes/update-builder.js';

/** What references do their work with. */
export interface RefContext {
  /** Sends a read, and remembers the revisions of what it brings. */
  read(request: WireRequest, options: RequestOptions): Promise<WireMessage>;
  write<Result>(command: ClientCommand, options: WriteOptions): ClientWrite<Result>;
  newId(): string;
  /** Of an object, or of what a query finds. */
  live(r: string, query?: ListQuery): LiveCopy<never, never>;
}

/** Throws a `TypeError` where it is no address of an object. */
export function objectAddress(text: string): ObjectR {
  const parsed = parseR(text);
  if (parsed?.kind === 'object') return parsed;
  throw new TypeError(`${text} is no address of an object: expected one such as /users/1`);
}

/** Throws a `TypeError` where it is no address of a collection. */
export function collectionAddress(text: string): CollectionR {
  const parsed = parseR(text);
  if (parsed?.kind === 'collection') return parsed;
  throw new TypeError(`${text} is no address of a collection: expected one such as /users`);
}

export function createCommand(
  context: Pick<RefContext, 'newId'>,
  { r, parents }: CollectionR,
  body: object,
  id?: string,
): ClientCommand {
  if (parents.includes('*')) {
    throw new TypeError(`nothing can be created in ${r}: expected the id of each parent`);
  }
  const object = objectAddress(`${r.slice(0, -1)}${id ?? context.newId()}`);
  // What is undefined is not sent.
  const fields = Object.entries(body).filter(([, value]) => value !== undefined);
  const isOwnId = id === undefined;
  return { cmd: 'create', r: object.r, body: Object.fromEntries(fields) as JsonObject, isOwnId };
}

export function updateCommand(
  r: string,
  build: (update: UpdateBuilder<never>) => unknown,
): ClientCommand {
  const builder = new UpdateBuilder<never>();
  build(builder);
  if (builder.ops.length === 0) throw new TypeError(`an update of ${r} needs an operation`);
  return { cmd: 'update', r, ops: builder.ops };
}
