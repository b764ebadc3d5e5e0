import { Buffer } from 'node:buffer';
import {
  type FieldErrors,
  fail,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  type SendRequest,
} from '@really/protocol';
import type { Field, Model } from '../model/model.js';
import { prepareCreate } from '../model/validation/validate.js';
import type { Budgets } from '../platform/budget.js';
import type { Limits } from '../platform/limits.js';
import type { Clock } from '../platform/platform.js';

export interface RoomValuesDeps {
  readonly limits: Pick<Limits, 'roomState' | 'roomMessage'>;
  readonly budgets: Budgets;
  readonly clock: Pick<Clock, 'now'>;
}

/** Checks what clients say in rooms, by their models and the limits. */
export class RoomValues {
  readonly #deps: RoomValuesDeps;
  /** A model with the fields of a state, or of a message, in place of its own. */
  readonly #models = new WeakMap<ReadonlyMap<string, Field>, Model>();

  constructor(deps: RoomValuesDeps) {
    this.#deps = deps;
  }

  /**
   * A state after a change: members that are null are removed. Throws 400 beyond `limits.roomState`, 409
   * `validation.failed` if the model declares other fields. `path`: of the change in the request.
   */
  async state(
    model: Model,
    { before, change, path }: { before: JsonObject; change: JsonObject; path: string },
  ): Promise<JsonObject> {
    // A spread copies `__proto__` as plain data.
    const merged = { ...before, ...change };
    for (const [name, value] of Object.entries(change)) if (value === null) delete merged[name];
    this.#assertSize(merged, 'roomState', path);
    const { presence } = model.rooms;
    if (!presence) return merged;
    const state = await this.#validated(model, presence, merged);
    this.#assertSize(state, 'roomState', path);
    return state;
  }

  /** A message as it is sent. Throws 400 beyond `limits.roomMessage`, 409 `validation.failed`. */
  async message(model: Model, body: SendRequest['body']): Promise<SendRequest['body']> {
    this.#assertSize({ ...body }, 'roomMessage', 'body');
    const { events } = model.rooms;
    if (!events) return body;
    const { event, data } = body;
    const fields = events.get(event);
    if (!fields) throw fail('validation.failed', { event: ['event.unknown'] });
    if (data !== undefined && data !== null && !isJsonObject(data)) {
      throw fail('validation.failed', { data: ['type.invalid'] });
    }
    const checked = await this.#validated(model, fields, data ?? {});
    return fields.size === 0 && data === undefined ? { event } : { event, data: checked };
  }

  async #validated(
    model: Model,
    fields: ReadonlyMap<string, Field>,
    value: JsonObject,
  ): Promise<JsonObject> {
    const known = this.#models.get(fields) ?? { ...model, fields };
    this.#models.set(fields, known);
    const { data, errors } = await prepareCreate(known, value, { now: this.#deps.clock.now() });
    if (Object.keys(errors).length > 0) throw fail('validation.failed', errors as FieldErrors);
    return data;
  }

  #assertSize(value: JsonValue | object, key: 'roomState' | 'roomMessage', path: string): void {
    const { limits, budgets } = this.#deps;
    if (Buffer.byteLength(JSON.stringify(value)) <= limits[key]) return;
    budgets.refuse(`limits.${key}`);
    throw fail.invalid(path, `beyond limits.${key}`);
  }
}
