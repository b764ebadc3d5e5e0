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
import { askerOf } from '../model/asker.js';
import { calculate } from '../model/calculate.js';
import { runOnValidate, runPreUpdate } from '../model/hooks.js';
import { keptOps } from '../model/kept-form.js';
import type { Model } from '../model/model.js';
import { exactAt, misfits } from '../model/op-fit.js';
import { type FoundReference, newReferences } from '../model/references.js';
import { checkUpdate } from '../model/validate.js';
import { scriptObject } from '../model/view.js';
import { lastTouched, updateWrite } from '../objects/change.js';
import type { CommitRefusal, Look, PreparedWrite, WriteRequest } from '../objects/write-request.js';
import type { OnceResult, StoredObject, Write } from '../store/store.js';
import { type AcceptedRevs, baseRev } from './accepted-revs.js';
import { assertInForce, modelOf } from './model-of.js';
import { sizeErrors } from './object-size.js';
import { withPostHook } from './outbox.js';
import { demandOn, living, missingAmong } from './presence.js';
import type { CommandContext } from './services.js';
import { uniqueFieldsSettled } from './unique-fields.js';
import type { WriteStep } from './write-step.js';
import { assertEpoch, assertValid, commitRefusal, missingErrors, originOf } from './written.js';

/** The object as it would be, as far as it can be told. */
interface Draft {
  /** Only to be stored where there are no errors. */
  readonly data: JsonObject;
  readonly errors: FieldErrors;
  /** Top-level fields that the operations name, and calculated ones that changed. */
  readonly touched: readonly string[];
}

/** Rules UPD1 to UPD12. */
export class Updating implements WriteStep {
  readonly taken = false;
  #references: readonly FoundReference[] = [];
  readonly #context: CommandContext;
  readonly #request: UpdateRequest;
  readonly #model: Model;
  /** With values as the fields keep them. */
  readonly #ops: readonly FieldOp[];

  constructor(context: CommandContext, request: UpdateRequest) {
    this.#context = context;
    this.#request = request;
    this.#model = modelOf(context, request.target.names);
    this.#ops = keptOps(this.#model, request.body.ops);
  }

  request(): WriteRequest {
    const { r } = this.#request.target;
    return { r, prepare: (head, look) => this.#prepare(head, look) };
  }

  refusal(found: CommitRefusal): ProtocolError {
    return commitRefusal(found, this.#references);
  }

  reply({ object: { r, rev } }: Write): JsonObject {
    return { r, rev };
  }

  repeated({ r, rev }: OnceResult): JsonObject {
    return { r, rev };
  }

  async #prepare(stored: StoredObject | undefined, look: Look): Promise<PreparedWrite> {
    assertInForce(this.#context, this.#model);
    const { r } = this.#request.target;
    const head = await living(this.#context, this.#model, stored, { r, right: 'update' });
    const draft = await this.#permitted(head);
    assertEpoch(this.#context, this.#request.cmdOpts);
    const { accepted } = this.#context;
    const { epoch } = this.#context.services.store;
    assertCurrent(this.#request, head, { accepted, epoch: epoch.id });
    await uniqueFieldsSettled(this.#context, this.#model);
    await this.#assertSound(head, draft, look);
    await this.#runHooks(head, draft);
    const { data, touched } = draft;
    const delta = deltaOf(this.#ops, head.data, data);
    const requires = [...new Set(this.#references.map(({ r }) => r))];
    const origin = originOf(this.#context, this.#model, { requires });
    const write = updateWrite(head, { data, delta, touched }, origin);
    return withPostHook(this.#context, this.#model, write, head);
  }

  /**
   * The draft, for one who has the right to make it: whatever is wrong with it is told to nobody else.
   * `input` of the rule is the object as it would be; where the operations do not fit, as it is.
   */
  async #permitted(head: StoredObject): Promise<Draft> {
    const right = 'update';
    if (this.#model.access.update.constant !== undefined) {
      await demandOn(this.#context, this.#model, head, { right });
      return await this.#draft(head);
    }
    const [attempt] = await Promise.allSettled([this.#draft(head)]);
    const data = attempt.status === 'fulfilled' ? attempt.value.data : head.data;
    const input = scriptObject({ ...head, data, rev: head.rev + 1 });
    await demandOn(this.#context, this.#model, head, { right, input });
    if (attempt.status === 'rejected') throw attempt.reason;
    return attempt.value;
  }

  async #draft(head: StoredObject): Promise<Draft> {
    const { limits, objects, budgets } = this.#context.services;
    const { ops } = this.#request.body;
    const asker = askerOf(this.#context.auth);
    const unfit = misfits(this.#model, ops);
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

  async #assertSound(
    head: StoredObject,
    { data, errors, touched }: Draft,
    look: Look,
  ): Promise<void> {
    this.#references = addedReferences(this.#model, head.data, data, touched);
    if (this.#references.length === 0) {
      assertValid(errors);
      return;
    }
    const rs = this.#references.map(({ r }) => r);
    const missing = await missingAmong(this.#context, rs, look);
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

/** Operations that merge: they mean the same whatever the value has become since. */
const merging: ReadonlySet<FieldOp['op']> = new Set(['addNumber', 'push', 'addToSet', 'pull']);

/** Rules UPD2 and UPD3. Throws 409. */
function assertCurrent(
  { rev: given, body }: UpdateRequest,
  head: StoredObject,
  { accepted, epoch }: { accepted: AcceptedRevs | undefined; epoch: string },
): void {
  const rev = baseRev(given, accepted, { rev: head.rev, epoch });
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

/** References that the object did not have yet. One that stays may go on pointing at what was deleted since. */
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
