import {
  applyOps,
  beyondUpdateWork,
  deepEqual,
  deltaOf,
  type FieldErrors,
  type FieldOp,
  fail,
  type JsonObject,
  ownMember,
  type ProtocolError,
  setMember,
  topField,
  type UpdateRequest,
} from '@really/protocol';
import { askerOf } from '../../model/asker.js';
import { calculate } from '../../model/calculate.js';
import { runOnValidate, runPreUpdate } from '../../model/hooks.js';
import type { Model } from '../../model/model.js';
import { exactAt, mistypedOperations } from '../../model/validation/operation-types.js';
import { type FoundReference, newReferences } from '../../model/validation/references.js';
import { storedOps } from '../../model/validation/stored-form.js';
import { checkUpdate } from '../../model/validation/validate.js';
import { scriptObject } from '../../model/view/view.js';
import { lastTouched, updateWrite } from '../../objects/change.js';
import type {
  CommitRefusal,
  PreparedWrite,
  ReadObjects,
  WriteRequest,
} from '../../objects/write-request.js';
import type { OnceResult, StoredObject, Write } from '../../store/store.js';
import { authorizeObject, existingObject, missingObjects } from '../existing-object.js';
import { assertCurrentModel, requestModel } from '../request-model.js';
import type { CommandContext } from '../services.js';
import { type AcceptedRevs, baseRev } from './accepted-revs.js';
import { sizeErrors } from './object-size.js';
import { withPostHook } from './outbox.js';
import { uniqueFieldsSettled } from './unique-fields.js';
import type { WriteCommand } from './write-command.js';
import {
  assertEpoch,
  assertValid,
  commitRefusal,
  missingErrors,
  originOf,
} from './write-helpers.js';

/** The object after the update, as far as it can be computed. */
interface Draft {
  /** Only to be stored where there are no errors. */
  readonly data: JsonObject;
  readonly errors: FieldErrors;
  /** Top-level fields that the operations name, and calculated ones that changed. */
  readonly touched: readonly string[];
}

/** Rules UPD1 to UPD12. */
export class UpdateCommand implements WriteCommand {
  readonly idTaken = false;
  #references: readonly FoundReference[] = [];
  readonly #context: CommandContext;
  readonly #request: UpdateRequest;
  readonly #model: Model;
  /** With values in their stored form. */
  readonly #ops: readonly FieldOp[];

  constructor(context: CommandContext, request: UpdateRequest) {
    this.#context = context;
    this.#request = request;
    this.#model = requestModel(context, request.target.names);
    this.#ops = storedOps(this.#model, request.body.ops);
  }

  request(): WriteRequest {
    const { r } = this.#request.target;
    return { r, prepare: (head, readObjects) => this.#prepare(head, readObjects) };
  }

  refusal(found: CommitRefusal): ProtocolError {
    return commitRefusal(found, this.#references);
  }

  reply({ object: { r, rev } }: Write): JsonObject {
    return { r, rev };
  }

  repeatedReply({ r, rev }: OnceResult): JsonObject {
    return { r, rev };
  }

  async #prepare(
    stored: StoredObject | undefined,
    readObjects: ReadObjects,
  ): Promise<PreparedWrite> {
    assertCurrentModel(this.#context, this.#model);
    const { r } = this.#request.target;
    const head = await existingObject(this.#context, this.#model, stored, { r, right: 'update' });
    const draft = await this.#authorizedDraft(head);
    assertEpoch(this.#context, this.#request.cmdOpts);
    const { acceptedRevs } = this.#context;
    const { epoch } = this.#context.services.store;
    assertCurrent(this.#request, head, { acceptedRevs, epoch: epoch.id });
    await uniqueFieldsSettled(this.#context, this.#model);
    await this.#assertValidDraft(head, draft, readObjects);
    await this.#runHooks(head, draft);
    const { data, touched } = draft;
    const delta = deltaOf(this.#ops, head.data, data);
    const requires = [...new Set(this.#references.map(({ r }) => r))];
    const origin = originOf(this.#context, this.#model, { requires });
    const write = updateWrite(head, { data, delta, touched }, origin);
    return withPostHook(this.#context, this.#model, write, head);
  }

  /**
   * The draft, if the user may make it: its errors are shown to nobody else. `input` of the rule is
   * the updated object, or the current one where the operations do not fit.
   */
  async #authorizedDraft(head: StoredObject): Promise<Draft> {
    const right = 'update';
    if (this.#model.access.update.constant !== undefined) {
      await authorizeObject(this.#context, this.#model, head, { right });
      return await this.#draft(head);
    }
    const [attempt] = await Promise.allSettled([this.#draft(head)]);
    const data = attempt.status === 'fulfilled' ? attempt.value.data : head.data;
    const input = scriptObject({ ...head, data, rev: head.rev + 1 });
    await authorizeObject(this.#context, this.#model, head, { right, input });
    if (attempt.status === 'rejected') throw attempt.reason;
    return attempt.value;
  }

  async #draft(head: StoredObject): Promise<Draft> {
    const { limits, objects, budgets } = this.#context.services;
    const { ops } = this.#request.body;
    const asker = askerOf(this.#context.auth);
    const unfit = mistypedOperations(this.#model, ops);
    const applied = applyOps(head.data, this.#ops, { ...limits, isExact: exactAt(this.#model) });
    if (!applied.ok) {
      if (isBeyondWork(applied.errors)) budgets.refuse('limits.updateWork');
      return { data: head.data, errors: { ...applied.errors, ...unfit }, touched: [] };
    }
    const { after, touched } = applied;
    const checked = await checkUpdate(this.#model, head.data, after, touched, asker);
    const errors = { ...checked.errors, ...unfit };
    if (Object.keys(errors).length > 0) return { data: after, errors, touched };
    const now = objects.changeTime();
    const calculated = await calculate(this.#model, checked.data, touched, { now, asker });
    return {
      data: calculated.data,
      errors: sizeErrors(calculated.data, {
        limit: limits.object,
        before: head.data,
        fields: touched,
      }),
      touched: [...touched, ...calculated.changed],
    };
  }

  async #assertValidDraft(
    head: StoredObject,
    { data, errors, touched }: Draft,
    readObjects: ReadObjects,
  ): Promise<void> {
    this.#references = addedReferences(this.#model, head.data, data, touched);
    if (this.#references.length === 0) {
      assertValid(errors);
      return;
    }
    const rs = this.#references.map(({ r }) => r);
    const missing = await missingObjects(this.#context, rs, readObjects);
    assertValid(missingErrors(this.#references, missing), errors);
  }

  async #runHooks(head: StoredObject, { data, touched }: Draft): Promise<void> {
    const { onValidate, preUpdate } = this.#model.hooks;
    if (!onValidate && !preUpdate) return;
    const { auth } = this.#context;
    const after = scriptObject({ ...head, data, rev: head.rev + 1 });
    await runOnValidate(this.#model, after, auth);
    const fields = touched.filter((name) => {
      return !deepEqual(ownMember(head.data, name), ownMember(data, name));
    });
    await runPreUpdate(this.#model, { before: scriptObject(head), after, fields, auth });
  }
}

function isBeyondWork(errors: FieldErrors): boolean {
  return Object.values(errors).some(([code]) => code === beyondUpdateWork);
}

/** Operations that merge: their meaning does not depend on the current value. */
const merging: ReadonlySet<FieldOp['op']> = new Set(['addNumber', 'push', 'addToSet', 'pull']);

/** Rules UPD2 and UPD3. Throws 409. */
function assertCurrent(
  { rev: given, body }: UpdateRequest,
  head: StoredObject,
  { acceptedRevs, epoch }: { acceptedRevs: AcceptedRevs | undefined; epoch: string },
): void {
  const rev = baseRev(given, acceptedRevs, { rev: head.rev, epoch });
  if (rev === head.rev) return;
  if (rev > head.rev) throw fail('object.revision.unknown');
  const errors: FieldErrors = {};
  for (const { op, key } of body.ops) {
    if (!merging.has(op) && lastTouched(head, topField(key)) > rev) {
      setMember(errors, `obj.${key}`, ['error.revision.outdated']);
    }
  }
  if (Object.keys(errors).length > 0) throw fail('object.revision.outdated', errors);
}

/**
 * References that the object did not have yet. An existing one may go on pointing at an object
 * deleted since.
 */
function addedReferences(
  model: Model,
  before: JsonObject,
  after: JsonObject,
  touched: readonly string[],
): FoundReference[] {
  const added = newReferences(model, after, touched);
  if (added.length === 0) return added;
  const known = new Set(newReferences(model, before, touched).map(({ r }) => r));
  return added.filter(({ r }) => !known.has(r));
}
