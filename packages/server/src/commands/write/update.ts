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
import { calculate } from '../../model/calculate.js';
import { runOnValidate, runPreUpdate } from '../../model/hooks.js';
import type { FieldRule, Model } from '../../model/model.js';
import { updatedFields } from '../../model/rules/field-rules.js';
import { scriptOwnerOf } from '../../model/script-owner.js';
import { exactAt, mistypedOperations } from '../../model/validation/operation-types.js';
import {
  addedReferences,
  countReferences,
  type FoundReference,
} from '../../model/validation/references.js';
import { storedOps } from '../../model/validation/stored-form.js';
import { type Checked, checkUpdate } from '../../model/validation/validate.js';
import { scriptObject } from '../../model/view/view.js';
import { lastTouched, updateWrite } from '../../objects/change.js';
import { estimateBytes, keptReferenceBytes } from '../../objects/estimate-bytes.js';
import type { CommitRefusal, PreparedWrite, WriteRequest } from '../../objects/write-request.js';
import { ownerOf } from '../../queries/owner.js';
import type { StoredObject } from '../../store/stored-object.js';
import type { OnceResult, Write } from '../../store/write-group.js';
import { authorizeObject, existingObject } from '../existing-object.js';
import { missingObjects, type OtherObjectReads } from '../missing-objects.js';
import { requestModel } from '../request-model.js';
import {
  type CommandContext,
  chargeForWriting,
  type Handler,
  requesterOf,
  triedAgain,
} from '../services.js';
import { type AcceptedRevs, baseRev } from './accepted-revs.js';
import { sizeErrors } from './object-size.js';
import { withPostHook } from './outbox-entry.js';
import { RecordedReads } from './recorded-reads.js';
import { uniqueFieldsSettled } from './unique-fields.js';
import { runWriteCommand, type WriteCommand } from './write-command.js';
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

/** Bytes from which an object is large: checking and encoding it takes half a millisecond. */
const largeBytes = 64 * 1024;

export const update: Handler<UpdateRequest> = (context, request) =>
  runWriteCommand(context, request, () => new UpdateCommand(context, request));

/**
 * Rules UPD1 to UPD12. Most updates run no script and look at no other object: they are prepared
 * without waiting, because each `await` costs as much as a step of the work itself.
 */
export class UpdateCommand implements WriteCommand {
  readonly idTaken = false;
  /** Those that it adds. */
  #references: readonly FoundReference[] = [];
  /** The number of references that its fields have before. */
  #keptReferences = 0;
  #context: CommandContext;
  #isTried = false;
  readonly #request: UpdateRequest;
  #model: Model;
  /** With values in their stored form. */
  #ops: readonly FieldOp[] = [];

  constructor(context: CommandContext, request: UpdateRequest) {
    this.#context = context;
    this.#request = request;
    this.#model = requestModel(context, request.target.names);
  }

  request(): WriteRequest {
    const { r } = this.#request.target;
    return {
      r,
      prepare: (head, readObjects, areLiving) => this.#prepare(head, { readObjects, areLiving }),
    };
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
    others: OtherObjectReads,
  ): Promise<PreparedWrite> {
    const { r, names } = this.#request.target;
    if (this.#isTried) this.#context = triedAgain(this.#context);
    this.#isTried = true;
    this.#model = requestModel(this.#context, names);
    this.#ops = storedOps(this.#model, this.#request.body.ops);
    const finder = new RecordedReads(others.readObjects);
    const target = { r, right: 'update', finder } as const;
    const found = existingObject(this.#context, this.#model, stored, target);
    const head = found instanceof Promise ? await found : found;
    const turn = this.#turnFor(head);
    if (turn) await turn;
    const drafted = this.#authorizedDraft(head, finder);
    const draft = drafted instanceof Promise ? await drafted : drafted;
    assertEpoch(this.#context, this.#request.cmdOpts);
    const { acceptedRevs } = this.#context;
    const { epoch } = this.#context.services.store;
    assertCurrent(this.#request, head, { acceptedRevs, epoch: epoch.id });
    const settled = uniqueFieldsSettled(this.#context, this.#model);
    if (settled) await settled;
    const { data, errors, touched } = draft;
    this.#references = addedReferences(this.#model, head.data, data, touched);
    if (this.#references.length === 0) assertValid(errors);
    else await this.#assertReferences(errors, others);
    const { onValidate, preUpdate } = this.#model.hooks;
    if (onValidate || preUpdate) await this.#runHooks(head, draft, finder);
    return this.#write(head, draft, finder);
  }

  #write(head: StoredObject, { data, touched }: Draft, { reads }: RecordedReads): PreparedWrite {
    const delta = deltaOf(this.#ops, head.data, data);
    const requires = distinctRs(this.#references);
    const origin = originOf(this.#context, this.#model, { requires, reads });
    const updated = { data, delta, touched, keptReferences: this.#keptReferences };
    const write = updateWrite(head, updated, origin);
    return withPostHook(this.#context, this.#model, write, head);
  }

  /**
   * Rule LIM45: a small update of a large object costs as much as the object, and one of a long list
   * of references as much as the list. `undefined` where it needs no turn.
   */
  #turnFor({ data }: StoredObject): Promise<void> | undefined {
    const fields = this.#ops.map(({ key }) => topField(key));
    this.#keptReferences = countReferences(this.#model, data, fields);
    const bytes = estimateBytes(data) + keptReferenceBytes * this.#keptReferences;
    // It is checked, and then encoded and written.
    chargeForWriting(this.#context, bytes);
    if (bytes < largeBytes) return undefined;
    return this.#context.services.objects.largeTurn(ownerOf(requesterOf(this.#context)));
  }

  /**
   * The draft, if the user may make it: its errors are shown to nobody else. `input` of the rule is
   * the updated object, or the current one where the operations do not fit.
   */
  #authorizedDraft(head: StoredObject, finder: RecordedReads): Draft | Promise<Draft> {
    const right = 'update';
    const rules = this.#model.fieldRules.update;
    if (this.#model.access.update.constant === undefined || rules.length > 0) {
      return this.#draftUnderRules(head, finder, rules);
    }
    const authorized = authorizeObject(this.#context, this.#model, head, { right, finder });
    return authorized
      ? authorized.then(() => this.#draft(head, finder))
      : this.#draft(head, finder);
  }

  async #draftUnderRules(
    head: StoredObject,
    finder: RecordedReads,
    rules: readonly FieldRule[],
  ): Promise<Draft> {
    const right = 'update';
    const draft = async () => await this.#draft(head, finder);
    const [attempt] = await Promise.allSettled([draft()]);
    const data = attempt.status === 'fulfilled' ? attempt.value.data : head.data;
    const input = scriptObject({ ...head, data, rev: head.rev + 1 });
    const fields = updatedFields(rules, this.#ops, [head.data, data]);
    await authorizeObject(this.#context, this.#model, head, { right, input, fields, finder });
    if (attempt.status === 'rejected') throw attempt.reason;
    return attempt.value;
  }

  #draft(head: StoredObject, finder: RecordedReads): Draft | Promise<Draft> {
    const { limits, budgets } = this.#context.services;
    const { ops } = this.#request.body;
    const owner = scriptOwnerOf(this.#context.auth);
    const unfit = mistypedOperations(this.#model, ops);
    const applied = applyOps(head.data, this.#ops, { ...limits, isExact: exactAt(this.#model) });
    if (!applied.ok) {
      if (isBeyondWork(applied.errors)) budgets.refuse('limits.updateWork');
      return { data: head.data, errors: { ...applied.errors, ...unfit }, touched: [] };
    }
    const { after, touched } = applied;
    const request = { auth: this.#context.auth, r: head.r, finder };
    const context = { owner, request };
    const checked = checkUpdate(this.#model, head.data, after, touched, context);
    const next = ({ data, errors: found }: Checked): Draft | Promise<Draft> => {
      const errors = { ...found, ...unfit };
      if (Object.keys(errors).length > 0) return { data: after, errors, touched };
      return this.#calculatedDraft(head, data, touched);
    };
    return checked instanceof Promise ? checked.then(next) : next(checked);
  }

  /** The draft, from data that is valid. */
  #calculatedDraft(
    head: StoredObject,
    checked: JsonObject,
    touched: readonly string[],
  ): Draft | Promise<Draft> {
    const { limits, objects } = this.#context.services;
    const draftOf = (data: JsonObject, changed: readonly string[]): Draft => ({
      data,
      errors: sizeErrors(data, { limit: limits.object, before: head.data, fields: touched }),
      touched: changed.length > 0 ? [...touched, ...changed] : touched,
    });
    if (this.#model.calculated.length === 0) return draftOf(checked, []);
    const options = { now: objects.changeTime(), owner: scriptOwnerOf(this.#context.auth) };
    return calculate(this.#model, checked, touched, options).then(({ data, changed }) =>
      draftOf(data, changed),
    );
  }

  /** Throws for what is missing, and for the errors of the draft. */
  async #assertReferences(errors: FieldErrors, others: OtherObjectReads): Promise<void> {
    const rs = this.#references.map(({ r }) => r);
    const missing = await missingObjects(this.#context, rs, others);
    assertValid(missingErrors(this.#references, missing), errors);
  }

  async #runHooks(
    head: StoredObject,
    { data, touched }: Draft,
    finder: RecordedReads,
  ): Promise<void> {
    const request = { auth: this.#context.auth, r: head.r, finder };
    const after = scriptObject({ ...head, data, rev: head.rev + 1 });
    await runOnValidate(this.#model, after, request);
    const fields = touched.filter((name) => {
      return !deepEqual(ownMember(head.data, name), ownMember(data, name));
    });
    await runPreUpdate(this.#model, { before: scriptObject(head), after, fields }, request);
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

function distinctRs(references: readonly FoundReference[]): readonly string[] {
  return references.length === 0 ? [] : [...new Set(references.map(({ r }) => r))];
}
