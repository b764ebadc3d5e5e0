import { type DeleteRequest, fail, type JsonObject, type ProtocolError } from '@really/protocol';
import { deletionEffects } from '../../model/deletion-effects.js';
import { runPreDelete } from '../../model/hooks.js';
import type { Model } from '../../model/model.js';
import { countReferences } from '../../model/validation/references.js';
import { scriptObject } from '../../model/view/view.js';
import { deleteWrite } from '../../objects/change.js';
import type {
  CommitRefusal,
  PreparedWrite,
  ReadObjects,
  WriteRequest,
} from '../../objects/write-request.js';
import type { Dependency } from '../../store/store-reads.js';
import type { StoredObject } from '../../store/stored-object.js';
import type { OnceResult, Write } from '../../store/write-group.js';
import { authorizeObject, existingObject } from '../existing-object.js';
import { requestModel } from '../request-model.js';
import { type CommandContext, type Handler, triedAgain } from '../services.js';
import { baseRev } from './accepted-revs.js';
import { withCascade } from './cascade-entry.js';
import { withPostHook } from './outbox-entry.js';
import { RecordedReads } from './recorded-reads.js';
import { runWriteCommand, type WriteCommand } from './write-command.js';
import { assertEpoch, commitRefusal, originOf } from './write-helpers.js';

export const deleteObject: Handler<DeleteRequest> = (context, request) =>
  runWriteCommand(context, request, () => new DeleteCommand(context, request));

/** Rules DEL1 to DEL4, CAS3 and CAS5. */
export class DeleteCommand implements WriteCommand {
  readonly idTaken = false;
  #context: CommandContext;
  #isTried = false;
  readonly #request: DeleteRequest;
  #model: Model;
  readonly #isLeaf: boolean;

  /** `isLeaf`: it is refused as `referenced` if its deletion would go on with something. */
  constructor(context: CommandContext, request: DeleteRequest, isLeaf = false) {
    this.#context = context;
    this.#request = request;
    this.#isLeaf = isLeaf;
    this.#model = requestModel(context, request.target.names);
  }

  request(): WriteRequest {
    return {
      r: this.#request.target.r,
      prepare: (head, readObjects) => this.#prepare(head, readObjects),
    };
  }

  refusal(found: CommitRefusal): ProtocolError {
    return commitRefusal(found, []);
  }

  reply({ object: { r } }: Write): JsonObject {
    return { r };
  }

  repeatedReply({ r }: OnceResult): JsonObject {
    return { r };
  }

  async #prepare(
    stored: StoredObject | undefined,
    readObjects: ReadObjects,
  ): Promise<PreparedWrite> {
    const finder = new RecordedReads(readObjects);
    if (this.#isTried) this.#context = triedAgain(this.#context);
    this.#isTried = true;
    const context = this.#context;
    const model = requestModel(context, this.#request.target.names);
    this.#model = model;
    const { r } = this.#request.target;
    const head = await existingObject(context, model, stored, { r, right: 'delete', finder });
    await authorizeObject(context, model, head, { right: 'delete', finder });
    assertEpoch(context, this.#request.cmdOpts);
    const { rev = head.rev } = this.#request;
    const current = { rev: head.rev, epoch: context.services.store.epoch.id };
    if (baseRev(rev, context.acceptedRevs, current) !== head.rev) {
      throw fail('object.revision.outdated');
    }
    await runPreDelete(model, scriptObject(head), { auth: context.auth, r, finder });
    await this.#referencesSettled();
    const origin = originOf(context, model, { reads: finder.reads });
    const keptReferences = countReferences(model, head.data, model.fields.keys());
    const write = {
      ...deleteWrite(head, origin),
      noDependents: this.#noDependents(),
      keptReferences,
    };
    const prepared = withPostHook(context, model, write, head);
    return this.#isLeaf ? prepared : withCascade(context, model, prepared);
  }

  #noDependents(): readonly Dependency[] {
    const { refusing, steps } = deletionEffects(this.#context.services.models(), this.#model);
    return this.#isLeaf ? [...refusing, ...steps.map(({ dependency }) => dependency)] : refusing;
  }

  /** References of older versions of a model are found once their objects are migrated. */
  async #referencesSettled(): Promise<void> {
    const { models, migrations, limits } = this.#context.services;
    const { refusing } = deletionEffects(models(), this.#model);
    await Promise.all(
      refusing.map(({ names }) => migrations?.settled({ names }, limits.queryTime)),
    );
  }
}
