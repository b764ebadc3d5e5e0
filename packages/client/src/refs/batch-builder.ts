import type { CollectionAt } from '../models.js';
import type { ClientCommand } from '../writes/client-command.js';
import type { UpdateBuilder } from '../writes/update-builder.js';
import { collectionAddress } from './address.js';
import { createCommand, type RefContext, updateCommand } from './ref-context.js';
import type { CollectionRef, DeleteOptions, ObjectRef } from './refs.js';

/** Collects the writes of a batch, which are done together or not at all. */
export class BatchBuilder<Models> {
  readonly commands: ClientCommand[] = [];
  readonly #context: RefContext;

  constructor(context: RefContext) {
    this.#context = context;
  }

  /** Returns the address of the new object, for the writes after it. */
  create<Pattern extends string>(
    collection: CollectionRef<Models, Pattern>,
    body: CollectionAt<Models, Pattern>['Create'],
    { id }: { readonly id?: string } = {},
  ): string {
    const command = createCommand(this.#context, collectionAddress(collection.r), body, id);
    this.commands.push(command);
    return command.r;
  }

  update<Pattern extends string>(
    { r }: ObjectRef<Models, Pattern>,
    build: (update: UpdateBuilder<CollectionAt<Models, Pattern>['Ops']>) => unknown,
  ): void {
    this.commands.push(updateCommand(r, build));
  }

  delete<Pattern extends string>(
    { r }: ObjectRef<Models, Pattern>,
    { rev }: Pick<DeleteOptions, 'rev'> = {},
  ): void {
    this.commands.push({ cmd: 'delete', r, rev });
  }
}
