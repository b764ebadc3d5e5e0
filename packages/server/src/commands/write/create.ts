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
import type { Model } from '../../model/model.js';
import { demand } from '../../model/rules/access.js';
import { createdFields, demandFields } from '../../model/rules/field-rules.js';
import { scriptOwnerOf } from '../../model/script-owner.js';
import { type FoundReference, newReferences } from '../../model/validation/references.js';
import { prepareCreate } from '../../model/validation/validate.js';
import { view, visibleBody } from '../../model/view/view.js';
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

export const create: Handler<CreateRequest> = async (context, request) =>
  await runWriteCommand(context, request, new CreateCommand(context, request));

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
      prepare: async (head, readObjects, areLiving) => {
        if (head && fresh) this.#idTaken = true;
        return await this.#prepare(r, head, { readObjects, areLiving });
      },
    };
  }

  refusal(found: CommitRefusal): ProtocolError {
    return commitRefusal(found, this.#references);
  }

  /** The object as its creator may see it; only R and revision if the creator may not read it. */
  async reply({ object }: Write): Promise<JsonObject> {
    const seen = await view(this.#model, object, this.#context.auth);
    const body =
      seen.kind === 'visible'
        ? visibleBody(object, undefined, seen.hidden)
        : visibleBody(object, [], []);
    return { r: this.#request.target.r, body };
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
    const draft = await this.#authorizedDraft(request);
    if (head) throw fail('object.already.exist');
    await uniqueFieldsSettled(this.#context, this.#model);
    await this.#assertValidDraft(r, draft, others);
    await runOnValidate(this.#model, draft.data, request);
    const { reads } = request.finder;
    const origin = originOf(this.#context, this.#model, { requires: this.#requires(r), reads });
    return withPostHook(this.#context, this.#model, createWrite(r, draft.data, origin));
  }

  /**
   * The draft, if the user may create it. The draft is made first, because the access rule may use
   * what would be stored; but its errors are shown only to users with the right.
   */
  async #authorizedDraft(request: WriteAttempt): Promise<Draft> {
    if (this.#authority === 'unrestricted') return await this.#draft(request);
    const { create: rule } = this.#model.access;
    const rules = this.#model.fieldRules.create;
    if (rule.constant !== undefined && rules.length === 0) {
      await demand(rule, request);
      return await this.#draft(request);
    }
    const [attempt] = await Promise.allSettled([this.#draft(request)]);
    const drafted = attempt.status === 'fulfilled' ? attempt.value.data : {};
    const { body } = this.#request;
    const input = inputOf(body, drafted);
    await demand(rule, { ...request, input });
    await demandFields(createdFields(rules, body, input), { ...request, input });
    if (attempt.status === 'rejected') throw attempt.reason;
    return attempt.value;
  }

  async #draft(request: WriteAttempt): Promise<Draft> {
    const now = this.#context.services.objects.changeTime();
    const owner = scriptOwnerOf(this.#context.auth);
    const context = { now, owner, request };
    const { data, errors } = await prepareCreate(this.#model, this.#request.body, context);
    if (Object.keys(errors).length > 0) return { data, errors };
    const whole = (await calculate(this.#model, data, 'all', { now, owner })).data;
    const { limits } = this.#context.services;
    const check = { limit: limits.object, fields: Object.keys(this.#request.body) };
    return { data: whole, errors: sizeErrors(whole, check) };
  }

  /** Asserts that the parent and all references exist and the fields are valid. */
  async #assertValidDraft(
    r: string,
    { data, errors }: Draft,
    others: OtherObjectReads,
  ): Promise<void> {
    this.#references = newReferences(this.#model, data);
    const required = this.#requires(r);
    if (required.length === 0) {
      assertValid(errors);
      return;
    }
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
