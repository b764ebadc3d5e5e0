import {
  type CreateRequest,
  type FieldErrors,
  fail,
  type JsonObject,
  ownMember,
  setMember,
} from '@really/protocol';
import { demand } from '../model/access.js';
import { calculate } from '../model/calculate.js';
import { runOnValidate } from '../model/hooks.js';
import type { Model } from '../model/model.js';
import { type FoundReference, newReferences } from '../model/references.js';
import { prepareCreate } from '../model/validate.js';
import { view, visibleBody } from '../model/view.js';
import { createWrite } from '../objects/change.js';
import type { Look, WriteResult } from '../objects/write-request.js';
import type { OnceKey, StoredObject, Write } from '../store/store.js';
import { modelOf } from './model-of.js';
import { missingAmong } from './presence.js';
import type { CommandContext, Handler, Reply } from './services.js';
import {
  assertValid,
  assertWritten,
  missingErrors,
  onceKeyOf,
  originOf,
  repeatedBy,
} from './written.js';

/** Ids of the server's that may turn out to be taken (by clients that chose them) before it gives up. */
const idAttempts = 5;

/** Rules CRE1 to CRE6. */
export const create: Handler<CreateRequest> = async (context, request) => {
  const model = modelOf(context, request.target.names);
  const creation = new Creation(context, request, model);
  const result = await creation.write();
  const { r } = request.target;
  if (result.kind === 'repeated') {
    const first = repeatedBy(creation.once, result.first);
    return { body: { r, meta: { repeated: true }, body: { _r: first.r, _rev: first.rev } } };
  }
  assertWritten(result, creation.references);
  return await replyTo(context, model, r, result.write.object);
};

/** The object as its creator may see it; only where it stands and its revision, to one who may not read it. */
async function replyTo(
  context: CommandContext,
  model: Model,
  r: string,
  object: StoredObject,
): Promise<Reply> {
  const seen = await view(model, object, context.auth);
  const body =
    seen.kind === 'visible'
      ? visibleBody(object, undefined, seen.hidden)
      : visibleBody(object, [], []);
  return { body: { r, body } };
}

interface Draft {
  /** As it would be stored; only to be used where there are no errors. */
  readonly data: JsonObject;
  readonly errors: FieldErrors;
}

class Creation {
  readonly once: OnceKey | undefined;
  references: readonly FoundReference[] = [];
  readonly #context: CommandContext;
  readonly #request: CreateRequest;
  readonly #model: Model;

  constructor(context: CommandContext, request: CreateRequest, model: Model) {
    this.#context = context;
    this.#request = request;
    this.#model = model;
    this.once = onceKeyOf(context, request);
  }

  /** Under the client's id, or under one of the server's that is free. */
  async write(): Promise<WriteResult> {
    const { target } = this.#request;
    if (target.kind === 'object') return await this.#writeAt(target.r, false);
    const { objects } = this.#context.services;
    for (let attempt = 1; ; attempt++) {
      let taken = false;
      try {
        return await this.#writeAt(`${target.r.slice(0, -1)}${objects.newId()}`, true, () => {
          taken = true;
        });
      } catch (error) {
        if (!taken || attempt === idAttempts) throw error;
      }
    }
  }

  #writeAt(r: string, fresh: boolean, onTaken?: () => void): Promise<WriteResult> {
    const prepare = async (head: StoredObject | undefined, look: Look) => {
      if (head) onTaken?.();
      return await this.#prepare(r, head, look);
    };
    const { listener, services } = this.#context;
    const lane = { owner: listener, name: this.#request.target.r };
    return services.objects.write({ r, fresh, once: this.once, lane, prepare });
  }

  async #prepare(r: string, head: StoredObject | undefined, look: Look): Promise<Write> {
    const draft = await this.#permitted(r);
    if (head) throw fail('object.already.exist');
    await this.#assertSound(r, draft, look);
    await runOnValidate(this.#model, draft.data, this.#context.auth);
    const origin = originOf(this.#context, this.#model, { requires: this.#requires(r) });
    return createWrite(r, draft.data, origin);
  }

  /**
   * The draft, for one who has the right to create it. The draft is made first, because the rule may
   * ask what would be stored; but whatever is wrong with it is told only to those who have the right.
   */
  async #permitted(r: string): Promise<Draft> {
    const { create: rule } = this.#model.access;
    const { auth } = this.#context;
    if (rule.constant !== undefined) {
      await demand(rule, { auth, r });
      return await this.#draft();
    }
    const [attempt] = await Promise.allSettled([this.#draft()]);
    const drafted = attempt.status === 'fulfilled' ? attempt.value.data : {};
    await demand(rule, { auth, input: inputOf(this.#request.body, drafted), r });
    if (attempt.status === 'rejected') throw attempt.reason;
    return attempt.value;
  }

  async #draft(): Promise<Draft> {
    const now = this.#context.services.objects.changeTime();
    const { data, errors } = await prepareCreate(this.#model, this.#request.body, { now });
    if (Object.keys(errors).length > 0) return { data, errors };
    return { data: (await calculate(this.#model, data, 'all', { now })).data, errors };
  }

  /** The parent is there, the references are, and nothing is wrong with the fields. */
  async #assertSound(r: string, { data, errors }: Draft, look: Look): Promise<void> {
    this.references = newReferences(this.#model, data, 'all');
    const required = this.#requires(r);
    if (required.length === 0) {
      assertValid(errors);
      return;
    }
    const missing = await missingAmong(this.#context, required, look);
    const parent = parentOf(r);
    if (parent !== undefined && missing.has(parent)) throw fail('object.parent.missing');
    assertValid(missingErrors(this.references, missing), errors);
  }

  #requires(r: string): string[] {
    const parent = parentOf(r);
    const rs = this.references.map((reference) => reference.r);
    return [...new Set(parent === undefined ? rs : [parent, ...rs])];
  }
}

/** `/users/1` of `/users/1/posts/2`. */
function parentOf(r: string): string | undefined {
  const end = r.lastIndexOf('/', r.lastIndexOf('/') - 1);
  return end > 0 ? r.slice(0, end) : undefined;
}

/**
 * `input` of the rule: the members of the body, in the form in which they would be stored, so that no
 * other spelling of a value slips past a rule. What cannot be stored stands as it was sent.
 */
function inputOf(body: JsonObject, drafted: JsonObject): JsonObject {
  const input: JsonObject = {};
  for (const [name, sent] of Object.entries(body)) {
    if (sent !== null) setMember(input, name, ownMember(drafted, name) ?? sent);
  }
  return input;
}
