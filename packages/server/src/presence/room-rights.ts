import { type Auth, fail } from '@really/protocol';
import { refuseAbsent } from '../model/deleted.js';
import type { LookupUse } from '../model/lookups/lookup.js';
import type { Model, ModelSet, Rule } from '../model/model.js';
import { demand } from '../model/rules/access.js';
import { joinReads } from '../model/script/auth-reads.js';
import {
  groupKeyOf,
  pushLookups,
  pushView,
  scriptObject,
  view,
  viewReads,
} from '../model/view/view.js';
import type { Objects } from '../objects/objects.js';
import type { StoredObject } from '../store/stored-object.js';

export interface RoomRightsDeps {
  readonly models: () => ModelSet;
  readonly objects: Pick<Objects, 'head' | 'published'>;
}

export interface RoomTopic {
  /** The printed R of the object. */
  readonly r: string;
  /** The names of its collection. */
  readonly names: readonly string[];
}

/** Who may do what in the room of an object (rule PRS10). */
export class RoomRights {
  readonly #deps: RoomRightsDeps;

  constructor(deps: RoomRightsDeps) {
    this.#deps = deps;
  }

  /** Throws 404 `model.unknown`. */
  model({ names }: RoomTopic): Model {
    const model = this.#deps.models().get(names);
    if (!model) throw fail('model.unknown');
    return model;
  }

  /** Throws unless one may watch the room, or appear in it: 403, 404, or 410 if it is deleted. */
  async demandWatch(topic: RoomTopic, auth: Auth, appears: boolean): Promise<void> {
    const model = this.model(topic);
    const object = await this.#object(model, topic, auth);
    const seen = await pushView(model, object, auth);
    if (seen.kind === 'refused') throw seen.error;
    if (appears) await demandOn(model.access.present, object, auth);
  }

  /** Equal for those whom `demandWatch` treats alike at a moment. */
  audienceOf({ names }: RoomTopic, auth: Auth, appears: boolean): string {
    const model = this.#deps.models().get(names);
    if (!model) return '';
    const reads = viewReads(model);
    const all = appears ? joinReads([reads, model.access.present.reads]) : reads;
    return `${appears} ${groupKeyOf(all, auth)}`;
  }

  /** Throws unless this user may appear in a room that it watches. */
  async demandPresent(topic: RoomTopic, auth: Auth): Promise<void> {
    const model = this.model(topic);
    if (model.access.present.constant === true) return;
    await demandOn(model.access.present, await this.#object(model, topic, auth), auth);
  }

  /** Throws unless this user may read the object and send messages to its room. */
  async demandSend(topic: RoomTopic, auth: Auth): Promise<void> {
    const model = this.model(topic);
    const object = await this.#object(model, topic, auth);
    const seen = await view(model, object, auth);
    if (seen.kind === 'refused') throw seen.error;
    await demandOn(model.access.send, object, auth);
  }

  async #object(model: Model, { r }: RoomTopic, auth: Auth): Promise<StoredObject> {
    const { objects } = this.#deps;
    const object = await objects.head(r);
    if (roomLookups(model).length > 0 || model.access.send.lookups?.length)
      await objects.published();
    if (object && !object.deleted) return object;
    return await refuseAbsent(model, { tombstone: object, r }, auth);
  }
}

/** What the rights of those in a room depend on in other objects. */
export function roomLookups(model: Model): LookupUse[] {
  return [...pushLookups(model), ...(model.access.present.lookups ?? [])];
}

async function demandOn(rule: Rule, object: StoredObject, auth: Auth): Promise<void> {
  await demand(rule, { auth, obj: scriptObject(object), r: object.r });
}

/** Whether an update of the object can change who may watch its room or appear in it. */
export function dependsOnObject({ access, hooks, fieldRules }: Model): boolean {
  if (hooks.preGet !== undefined || fieldRules.read.length > 0) return true;
  const rules = [access.read, access.subscribe, access.present];
  return rules.some((rule) => rule.constant === undefined && !rule.isCollectionWide);
}
