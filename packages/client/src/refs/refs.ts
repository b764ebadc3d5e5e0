import { childCollection } from '@really/protocol/client';
import type { LiveList, LiveObject } from '../live-copy.js';
import type { ChildName, CollectionAt, FieldNameAt, LiveAt, Narrowed } from '../models.js';
import type { ListQuery } from '../requests/list-query.js';
import type { RequestOptions } from '../requests/reads.js';
import type { WriteHandle, WriteOptions } from '../writes/client-write.js';
import type { UpdateBuilder } from '../writes/update-builder.js';
import {
  type CollectionAddress,
  collectionAddress,
  type ObjectAddress,
  objectAddress,
} from './address.js';
import { type Page, type ReadQuery, readPage } from './page.js';
import { createCommand, type RefContext, updateCommand } from './ref-context.js';

export interface GetOptions<Field extends string> extends RequestOptions {
  /** Names of fields, and of field sets as `@card`; all of them without it. */
  readonly fields?: readonly Field[] | undefined;
}

export interface CreateOptions extends WriteOptions {
  /** Of the new object; one is made up without it. */
  readonly id?: string | undefined;
}

export interface DeleteOptions extends WriteOptions {
  /** Deletes it only if this is its revision. */
  readonly rev?: number | undefined;
}

/** What a committed update resolves with. */
export interface UpdateResult {
  readonly r: string;
  readonly rev: number;
}

export interface DeleteResult {
  readonly r: string;
}

/** The address of an object, with what can be done to it. */
export class ObjectRef<Models, Pattern extends string> {
  /** Printed, `/users/1`. */
  readonly r: string;
  readonly id: string;
  readonly #context: RefContext;

  constructor({ r, id }: ObjectAddress, context: RefContext) {
    this.r = r;
    this.id = id;
    this.#context = context;
  }

  /** The object as it is now. References come with what they refer to. */
  async get<const Field extends FieldNameAt<Models, Pattern> = never>(
    options: GetOptions<Field> = {},
  ): Promise<Narrowed<CollectionAt<Models, Pattern>['Read'], Models, Pattern, Field>> {
    const { fields } = options;
    const cmdOpts = fields && { fields };
    const { body } = await this.#context.read({ cmd: 'get', r: this.r, cmdOpts }, options);
    return body as never;
  }

  /** A copy that is kept up to date until it is closed. */
  live(): LiveObject<LiveAt<Models, Pattern>> {
    return this.#context.live(this.r) as never;
  }

  /** Changes fields: all of these operations, or none. */
  update(
    build: (update: UpdateBuilder<CollectionAt<Models, Pattern>['Ops']>) => unknown,
    options: WriteOptions = {},
  ): WriteHandle<UpdateResult> {
    return this.#context.write(updateCommand(this.r, build), options);
  }

  delete(options: DeleteOptions = {}): WriteHandle<DeleteResult> {
    return this.#context.write({ cmd: 'delete', r: this.r, rev: options.rev }, options);
  }

  /** A collection below this object: `user.collection('posts')`. */
  collection<const Name extends ChildName<Models, Pattern>>(
    name: Name,
  ): CollectionRef<Models, `${Pattern}/${Name}/*`> {
    return new CollectionRef(collectionAddress(childCollection(this.r, name)), this.#context);
  }
}

/** The address of a collection, with what can be done to it. */
export class CollectionRef<Models, Pattern extends string> {
  /** Printed, `/users/*`. */
  readonly r: string;
  readonly #address: CollectionAddress;
  readonly #context: RefContext;

  constructor(address: CollectionAddress, context: RefContext) {
    this.r = address.r;
    this.#address = address;
    this.#context = context;
  }

  /** The object with this id. */
  object(id: string): ObjectRef<Models, Pattern> {
    return new ObjectRef(objectAddress(`${this.r.slice(0, -1)}${id}`), this.#context);
  }

  /** Creates an object. Its address is known at once: `write.commands[0].r`. */
  create(
    body: CollectionAt<Models, Pattern>['Create'],
    options: CreateOptions = {},
  ): WriteHandle<LiveAt<Models, Pattern>> {
    const command = createCommand(this.#context, this.#address, body, options.id);
    return this.#context.write(command, options);
  }

  /** A page of the objects that the filter finds, or of all. */
  async read<const Field extends FieldNameAt<Models, Pattern> = never>(
    options: ReadQuery<Field> = {},
  ): Promise<Page<Narrowed<CollectionAt<Models, Pattern>['Read'], Models, Pattern, Field>>> {
    return await readPage(this.#context, this.r, options);
  }

  /** What a query finds, kept up to date until it is closed. */
  live<const Field extends FieldNameAt<Models, Pattern> = never>(
    query: ListQuery<Field> = {},
  ): LiveList<Narrowed<LiveAt<Models, Pattern>, Models, Pattern, Field>> {
    return this.#context.live(this.r, query) as never;
  }

  /** How many objects the filter finds, or how many there are. */
  async count(
    options: Pick<ListQuery, 'filter' | 'values'> & RequestOptions = {},
  ): Promise<number> {
    const { filter, values } = options;
    const cmdOpts = filter === undefined ? undefined : { query: { filter, values } };
    const { body } = await this.#context.read({ cmd: 'count', r: this.r, cmdOpts }, options);
    return Number(body?.totalResults);
  }
}
