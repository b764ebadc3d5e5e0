import type { ProtocolError } from '@really/protocol';
import { LookupIndex } from '../live/lookups/lookup-index.js';
import type { ModelSet } from '../model/model.js';
import { toProtocolError } from '../objects/to-protocol-error.js';
import { unavailable } from '../objects/unavailable.js';
import type { Log } from '../platform/log.js';
import type { Platform } from '../platform/platform.js';
import type { InFlight } from '../platform/scheduling/in-flight.js';
import type { Steps, TickSlice } from '../platform/scheduling/tick-slice.js';
import type { CommittedChange, Pos } from '../store/stored-object.js';
import type { Membership } from './membership.js';
import { dependsOnObject, type RoomRights, roomLookups } from './room-rights.js';

/** Memberships about whom the rules say the same, with the `rightsVersion` for which that is so. */
type Audience = ReadonlyMap<Membership, number>;

/** Attempts to authorize while what the rights depend on changes. */
const maxAttempts = 5;

export interface RightsWatchDeps {
  readonly models: () => ModelSet;
  readonly rights: RoomRights;
  readonly log: Log;
  readonly platform: Platform;
  readonly inFlight: InFlight;
  readonly slice: TickSlice;
  /** It may not be in its room any more. */
  readonly fail: (membership: Membership, error: ProtocolError) => void;
}

/** Authorizes again whose rights may have changed (rule PRS10); nothing is sent meanwhile. */
export class RightsWatch {
  readonly #deps: RightsWatchDeps;
  readonly #byR = new Map<string, Set<Membership>>();
  readonly #lookups: LookupIndex<Membership>;
  /** To be authorized again, by R. */
  readonly #waiting = new Map<string, Membership[]>();
  #isChecking = false;
  /** Every change up to here was received. */
  #through: Pos | undefined;

  constructor(deps: RightsWatchDeps) {
    this.#deps = deps;
    this.#lookups = new LookupIndex<Membership>({
      models: deps.models,
      all: () => this.#all(),
      lookupsOf: roomLookups,
    });
  }

  /** From before it is authorized first, so that no change is missed. */
  add(membership: Membership): void {
    const known = this.#byR.get(membership.r) ?? new Set();
    this.#byR.set(membership.r, known.add(membership));
    this.#lookups.add(membership);
  }

  remove(membership: Membership): void {
    const known = this.#byR.get(membership.r);
    known?.delete(membership);
    if (known?.size === 0) this.#byR.delete(membership.r);
    this.#lookups.remove(membership);
  }

  /** The `auth` of its connection changed. */
  authChanged(membership: Membership): void {
    if (this.#byR.get(membership.r)?.has(membership)) this.#lookups.update(membership);
    this.#recheck(membership);
  }

  /** Rejects if it may not be in its room, and with 503 if its rights change again and again meanwhile. */
  async authorize(membership: Membership): Promise<void> {
    const { topic, connection } = membership;
    await this.authorizeBy(membership, () =>
      this.#deps.rights.demandWatch(topic, connection.auth, membership.state !== undefined),
    );
  }

  /** As `authorize`, for what `demand` asks. */
  async authorizeBy(membership: Membership, demand: () => Promise<void>): Promise<void> {
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const version = membership.rightsVersion;
      try {
        await demand();
        if (version === membership.rightsVersion) return;
      } catch (error) {
        if (version === membership.rightsVersion) throw error;
      }
    }
    throw unavailable();
  }

  /** Call with what was committed, in the order of commits, before anything else is sent. */
  receive(changes: readonly CommittedChange[]): void {
    const { holders } = this.#lookups.affectedBy(changes);
    const concerned = new Set(holders);
    let hasGap = false;
    for (const change of changes) {
      const before = this.#through;
      this.#through = Math.max(before ?? 0, change.pos);
      // What the bus left out may have changed anything.
      if (before !== undefined && change.pos > before + 1) hasGap = true;
      for (const membership of this.#ofObject(change)) concerned.add(membership);
    }
    if (hasGap) this.#recheckAll();
    else for (const membership of concerned) this.#recheck(membership);
  }

  /** The models were replaced. `pos`: the position of the store that belongs to no change. */
  reloaded(pos: Pos): void {
    if (this.#through === pos - 1) this.#through = pos;
    this.#recheckAll();
  }

  /** Whose rights a change of the object itself may alter. */
  #ofObject({ r, type }: CommittedChange): readonly Membership[] {
    const concerned = [...(this.#byR.get(r) ?? [])];
    const model = concerned[0] && this.#deps.models().get(concerned[0].topic.names);
    return type === 'update' && model && !dependsOnObject(model) ? [] : concerned;
  }

  #recheckAll(): void {
    for (const membership of [...this.#all()]) this.#recheck(membership);
  }

  #recheck(membership: Membership): void {
    membership.rightsVersion += 1;
    // Authorized before it is in its room, and when its connection is resumed.
    if (!membership.room || membership.isHeldFor('resume')) return;
    if (membership.isHeldFor('rights')) return;
    membership.hold('rights');
    this.#enqueue(membership);
  }

  #enqueue(membership: Membership): void {
    const waiting = this.#waiting.get(membership.r);
    if (waiting) waiting.push(membership);
    else this.#waiting.set(membership.r, [membership]);
    if (this.#isChecking) return;
    this.#isChecking = true;
    // Once all that a change concerns are known: those who are alike are authorized together.
    const { inFlight, slice } = this.#deps;
    inFlight.during(Promise.resolve().then(() => slice.run(this.#checkAll())));
  }

  /** Begins the checks one after the other: there may be very many. */
  *#checkAll(): Steps {
    try {
      for (let [next] = this.#waiting; next; [next] = this.#waiting) {
        const [r, memberships] = next;
        this.#waiting.delete(r);
        for (const audience of yield* this.#audiencesOf(memberships)) {
          this.#deps.inFlight.during(this.#check(audience));
          yield;
        }
      }
    } finally {
      this.#isChecking = false;
    }
  }

  /** Those of one room about whom its rules say the same. */
  *#audiencesOf(memberships: readonly Membership[]): Steps<Iterable<Audience>> {
    const audiences = new Map<string, Map<Membership, number>>();
    for (const membership of memberships) {
      const { rightsVersion } = membership;
      const key = this.#audienceOf(membership);
      const audience = audiences.get(key) ?? new Map<Membership, number>();
      audiences.set(key, audience.set(membership, rightsVersion));
      yield;
    }
    return audiences.values();
  }

  /** One of its own if that cannot be told: then its own check says why. */
  #audienceOf({ topic, connection, state }: Membership): string {
    try {
      return this.#deps.rights.audienceOf(topic, connection.auth, state !== undefined);
    } catch {
      return `alone ${connection.id}`;
    }
  }

  *#all(): Iterable<Membership> {
    for (const memberships of this.#byR.values()) yield* memberships;
  }

  /** Authorizes one of them, and treats all alike. Never rejects. */
  async #check(audience: Audience): Promise<void> {
    const [one] = [...audience].find(([each, version]) => each.rightsVersion === version) ?? [];
    const error = one && (await this.#errorFor(one));
    await this.#deps.slice.run(this.#conclude(audience, error));
  }

  /** Why it may not be in its room; `undefined` if it may. */
  async #errorFor({ r, topic, connection, state }: Membership): Promise<ProtocolError | undefined> {
    const { rights, log, platform } = this.#deps;
    try {
      await rights.demandWatch(topic, connection.auth, state !== undefined);
      return undefined;
    } catch (thrown) {
      return toProtocolError(thrown, { log, platform }, { r }, 'subscription');
    }
  }

  *#conclude(audience: Audience, error: ProtocolError | undefined): Steps {
    for (const [membership, version] of audience) {
      if (membership.rightsVersion !== version) {
        // Its rights may have changed meanwhile.
        this.#enqueue(membership);
      } else {
        if (error) this.#deps.fail(membership, error);
        // After a failure nothing held is sent any more; it may come again when its connection resumes.
        membership.release('rights');
      }
      yield;
    }
  }
}
