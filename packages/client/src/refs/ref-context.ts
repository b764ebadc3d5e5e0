import type { JsonObject } from '@really/protocol/client';
import type { LiveCopy } from '../live-copy.js';
import type { ListQuery } from '../requests/list-query.js';
import type { RequestOptions } from '../requests/reads.js';
import type { WireMessage, WireRequest } from '../wire-message.js';
import type { ClientCommand } from '../writes/client-command.js';
import type { ClientWrite, WriteOptions } from '../writes/client-write.js';
import { UpdateBuilder } from '../writes/update-builder.js';
import { type CollectionAddress, objectAddress } from './address.js';

/** What references do their work with. */
export interface RefContext {
  /** Sends a read, and remembers the revisions of what it brings. */
  read(request: WireRequest, options: RequestOptions): Promise<WireMessage>;
  write<Result>(command: ClientCommand, options: WriteOptions): ClientWrite<Result>;
  newId(): string;
  /** Of an object, or of what a query finds. */
  live(r: string, query?: ListQuery): LiveCopy<never, never>;
}

export function createCommand(
  context: Pick<RefContext, 'newId'>,
  { r, isBelowAny }: CollectionAddress,
  body: object,
  id?: string,
): ClientCommand {
  if (isBelowAny) {
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
