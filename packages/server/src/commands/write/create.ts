import {
  type Auth,
  type CreateRequest,
  type FieldErrors,
  fail,
  type JsonObject,
  ownMember,
  type ProtocolError,
  setMember,
} from '@really/protocol';
import { calculate } from '../../model/calculate.js';
import { runOnValidate } from '../../model/hooks.js';
import type { FieldRule, Model, Rule } from '../../model/model.js';
import { demand, isGranted } from '../../model/rules/access.js';
import { createdFields, demandFields } from '../../model/rules/field-rules.js';
import { scriptOwnerOf } from '../../model/script-owner.js';
import { type FoundReference, newReferences } from '../../model/validation/references.js';
import { type Checked, prepareCreate } from '../../model/validation/validate.js';
import { type View, view, visibleBody } from '../../model/view/view.js';
import { createWrite } from '../../objects/change.js';
import type { CommitRefusal, PreparedWrite, WriteRequest } from '../../objects/write-request.js';
import type { StoredObject } from '../../store/stored-object.js';
import type { OnceResult, Write } from '../../store/write-group.js';
import { missingObjects, type OtherObjectReads } from '../missing-objects.js';
import { requestModel } from '../request-model.js';
import { type CommandContext, type Handler, triedAgain } from '../services.js';
import { sizeErrors } from './object-size.js';
import { withPostHook } from './outbox-entry.js';
import { RecordedReads } from './recorded-reads.js';
import { uniqueFieldsSettled } from './unique-fields.js';
import { runWriteCommand, type WriteCommand } from './write-command.js';
import { assertValid, commitRefusal, missingErrors, originOf } from './write-helpers.js';

interface Draft {
  /** As it would be stored; only to be used where there are no errors. */
  readonly data: JsonObject;
  readonly errors: FieldErrors;
}

/** One try to write it. */
interface WriteAttempt {
  readonly auth: Auth;
  readonly r: string;
  readonly finder: RecordedReads;
}

export const create: Handler<CreateRequest> = (context, request) =>
  runWriteCommand(context, request, () => new CreateCommand(context, request));

/** `unrestricted`: the app itself creates, so no access rule applies. */
export type CreateAuthority = 'by-rules' | 'unrestricted';

/** Rules CRE1 to CRE6. */
export class CreateCommand implements WriteCommand {
  #references: readonly FoundReference[] = [];
  #idTaken = false;
  #context: CommandContext;
  #isTried = false;
  readonly #request: CreateRequest;
  #model: Model;
  readonly #authority: CreateAuthority;

  constructor(
    context: CommandContext,
    request: CreateRequest,
    authority: CreateAuthority = 'by-rules',
  ) {
    this.#context = context;
    this.#request = request;
    this.#authority = authority;
    this.#model = requestModel(context, request.target.names);
  }

  get idTaken(): boolean {
    return this.#idTaken;
  }

  /** Under the client's id, or under a new one of the server's. */
  request(): WriteRequest {
    const { target } = this.#request;
    const { pushTarget, services } = this.#context;
    const fresh = target.kind === 'collection';
    const r = fresh ? `${target.r.slice(0, -1)}${services.objects.newId()}` : target.r;
    this.#idTaken = false;
    return {
      r,
      fresh,
      orderKey: pushTarget && { owner: pushTarget, name: target.r },
      prepare: (head, readObjects, areLiving) => {
        if (head && fresh) this.#idTaken = true;
        return this.#prepare(r, head, { readObjects, areLiving });
      },
    };
  }

  refusal(found: CommitRefusal): ProtocolError {
    return commitRefusal(found, this.#references);
  }

  /** The object as its creator may see it; only R and revision if the creator may not read it. */
  reply({ object }: Write): JsonObject | Promise<JsonObject> {
    const { r } = this.#request.target;
    const replyTo = (seen: View): JsonObject => {
      const body =
        seen.kind === 'visible'
          ? visibleBody(object, undefined, seen.hidden)
          : visibleBody(object, [], []);
      return { r, body };
    };
    const seen = view(this.#model, object, this.#context.auth);
    return seen instanceof Promise ? seen.then(replyTo) : replyTo(seen);
  }

  repeatedReply({ r, rev }: OnceResult): JsonObject {
    return { r: this.#request.target.r, body: { _r: r, _rev: rev } };
  }

  async #prepare(
    r: string,
    head: StoredObject | undefined,
    others: OtherObjectReads,
  ): Promise<PreparedWrite> {
    if (this.#isTried) this.#context = triedAgain(this.#context);
    this.#isTried = true;
    this.#model = requestModel(this.#context, this.#request.target.names);
    const request: WriteAttempt = {
      auth: this.#context.auth,
      r,
      finder: new RecordedReads(others.readObjects),
    };
    const drafted = this.#authorizedDraft(request);
    const draft = drafted instanceof Promise ? await drafted : drafted;
    if (head) throw fail('object.already.exist');
    const settled = uniqueFieldsSettled(this.#context, this.#model);
    if (settled) await settled;
    this.#references = newReferences(this.#model, draft.data);
    const required = this.#requires(r);
    if (required.length === 0) assertValid(draft.errors);
    else await this.#assertLiving(required, r, draft, others);
    if (this.#model.hooks.onValidate) await runOnValidate(this.#model, draft.data, request);
    const { reads } = request.finder;
    const origin = originOf(this.#context, this.#model, { requires: required, reads });
    return withPostHook(this.#context, this.#model, createWrite(r, draft.data, origin));
  }

  /**
   * The draft, if the user may create it. The draft is made first, because the access rule may use
   * what would be stored; but its errors are shown only to users with the right.
   */
  #authorizedDraft(request: WriteAttempt): Draft | Promise<Draft> {
    const { create: rule } = this.#model.access;
    const rules = this.#model.fieldRules.create;
    if (this.#authority === 'unrestricted') return this.#draft(request);
    if (rule.constant === undefined || rules.length > 0) {
      return this.#draftUnderRules(request, rule, rules);
    }
    if (isGranted(rule, request.auth)) return this.#draft(request);
    return demand(rule, request).then(() => this.#draft(request));
  }

  async #draftUnderRules(
    request: WriteAttempt,
    rule: Rule,
    rules: readonly FieldRule[],
  ): Promise<Draft> {
    const draft = async () => await this.#draft(request);
    const [attempt] = await Promise.allSettled([draft()]);
    const drafted = attempt.status === 'fulfilled' ? attempt.value.data : {};
    const { body } = this.#request;
    const input = inputOf(body, drafted);
    await demand(rule, { ...request, input });
    await demandFields(createdFields(rules, body, input), { ...request, input });
    if (attempt.status === 'rejected') throw attempt.reason;
    return attempt.value;
  }

  #draft(request: WriteAttempt): Draft | Promise<Draft> {
    const now = this.#context.services.objects.changeTime();
    const owner = scriptOwnerOf(this.#context.auth);
    const prepared = prepareCreate(this.#model, this.#request.body, { now, owner, request });
    const next = ({ data, errors }: Checked): Draft | Promise<Draft> => {
      if (Object.keys(errors).length > 0) return { data, errors };
      if (this.#model.calculated.length === 0) return this.#wholeDraft(data);
      const calculated = calculate(this.#model, data, 'all', { now, owner });
      return calculated.then((found) => this.#wholeDraft(found.data));
    };
    return prepared instanceof Promise ? prepared.then(next) : next(prepared);
  }

  #wholeDraft(data: JsonObject): Draft {
    const { limits } = this.#context.services;
    const check = { limit: limits.object, fields: Object.keys(this.#request.body) };
    return { data, errors: sizeErrors(data, check) };
  }

  /** Asserts that the parent and all references exist and the fields are valid. */
  async #assertLiving(
    required: readonly string[],
    r: string,
    { errors }: Draft,
    others: OtherObjectReads,
  ): Promise<void> {
    const missing = await missingObjects(this.#context, required, others);
    const parent = parentOf(r);
    if (parent !== undefined && missing.has(parent)) throw fail('object.parent.missing');
    assertValid(missingErrors(this.#references, missing), errors);
  }

  #requires(r: string): string[] {
    const parent = parentOf(r);
    const rs = this.#references.map((reference) => reference.r);
    return [...new Set(parent === undefined ? rs : [parent, ...rs])];
  }
}

/** `/users/1` of `/users/1/posts/2`. */
function parentOf(r: string): string | undefined {
  const end = r.lastIndexOf('/', r.lastIndexOf('/') - 1);
  return end > 0 ? r.slice(0, end) : undefined;
}

/**
 * `input` of the rule: the members of the body in their stored form, so that no other spelling of a
 * value gets past a rule. Values that cannot be stored stay as they were sent.
 */
function inputOf(body: JsonObject, drafted: JsonObject): JsonObject {
  const input: JsonObject = {};
  for (const [name, sent] of Object.entries(body)) {
    if (sent !== null) setMember(input, name, ownMember(drafted, name) ?? sent);
  }
  return input;
}
