import { type DeleteRequest, fail, type JsonObject, type ProtocolError } from '@really/protocol';
import { runPreDelete } from '../../model/hooks.js';
import type { Model } from '../../model/model.js';
import { scriptObject } from '../../model/view/view.js';
import { deleteWrite } from '../../objects/change.js';
import type { CommitRefusal, PreparedWrite, WriteRequest } from '../../objects/write-request.js';
import type { OnceResult, StoredObject, Write } from '../../store/store.js';
import { authorizeObject, existingObject } from '../existing-object.js';
import { assertCurrentModel, requestModel } from '../request-model.js';
import type { CommandContext } from '../services.js';
import { baseRev } from './accepted-revs.js';
import { withPostHook } from './outbox.js';
import type { WriteCommand } from './write-command.js';
import { assertEpoch, commitRefusal, originOf } from './write-helpers.js';

/** Rules DEL1 to DEL4. */
export class DeleteCommand implements WriteCommand {
  readonly idTaken = false;
  readonly #context: CommandContext;
  readonly #request: DeleteRequest;
  readonly #model: Model;

  constructor(context: CommandContext, request: DeleteRequest) {
    this.#context = context;
    this.#request = request;
    this.#model = requestModel(context, request.target.names);
  }

  request(): WriteRequest {
    return { r: this.#request.target.r, prepare: (head) => this.#prepare(head) };
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

  async #prepare(stored: StoredObject | undefined): Promise<PreparedWrite> {
    const context = this.#context;
    const model = this.#model;
    assertCurrentModel(context, model);
    const { r } = this.#request.target;
    const head = await existingObject(context, model, stored, { r, right: 'delete' });
    await authorizeObject(context, model, head, { right: 'delete' });
    assertEpoch(context, this.#request.cmdOpts);
    const { rev = head.rev } = this.#request;
    const current = { rev: head.rev, epoch: context.services.store.epoch.id };
    if (baseRev(rev, context.acceptedRevs, current) !== head.rev) {
      throw fail('object.revision.outdated');
    }
    await runPreDelete(model, { obj: scriptObject(head), auth: context.auth });
    return withPostHook(context, model, deleteWrite(head, originOf(context, model)), head);
  }
}
