import type { Auth, JsonObject } from '@really/protocol';
import { type TestApp, type TestAppOptions, testApp } from '../commands/test-app.fixture.js';
import { DeadLetters } from '../jobs/dead-letters.js';
import { type Log, silentLog } from '../platform/log.js';
import { Readings } from '../platform/readings.fixture.js';
import { Cascades } from './cascades.js';

export const ann: Auth = { uid: 'ann', authType: 'password', _r: '/users/ann' };

/** An app with cascades, on a simulated clock. */
export class CascadingApp {
  readonly app: TestApp;
  readonly metrics = new Readings();
  readonly deadLetters: DeadLetters;
  readonly #log: Log;
  #cascades: Cascades;

  private constructor(app: TestApp, log: Log) {
    const { services } = app;
    this.app = app;
    this.#log = log;
    this.deadLetters = new DeadLetters({
      ...{ ...services, metrics: this.metrics, log },
      limit: 100,
      age: 1e9,
    });
    this.#cascades = this.#make();
  }

  static async open(options: TestAppOptions & { readonly log?: Log }): Promise<CascadingApp> {
    const { log = silentLog, ...rest } = options;
    const cascading = new CascadingApp(await testApp(rest), log);
    await cascading.#cascades.start();
    return cascading;
  }

  /** The body of the response; throws if there is an error. */
  async send(message: JsonObject, auth: Auth = ann): Promise<JsonObject> {
    const reply = await this.app.send(auth, message);
    if (reply.error) throw new Error(JSON.stringify(reply.error));
    return reply;
  }

  async create(r: string, body: JsonObject = {}): Promise<void> {
    await this.send({ cmd: 'create', r, body });
  }

  async remove(r: string, auth: Auth = ann): Promise<void> {
    await this.send({ cmd: 'delete', r }, auth);
  }

  /** Resolves when no cascade is left; delays of retries pass at once. */
  async finish(): Promise<void> {
    while ((await this.unfinished()) > 0) {
      this.app.platform.advance(60_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async unfinished(): Promise<number> {
    await this.app.services.objects.drain();
    return (await this.#created('_cascades')).length;
  }

  /** The Rs of the living objects of these collections, sorted. */
  async living(...collections: string[]): Promise<string[]> {
    const found = await Promise.all(collections.map((collection) => this.#created(collection)));
    return found.flat().sort();
  }

  /** The data of an object as stored; `undefined` where it is deleted. */
  async data(r: string): Promise<JsonObject | undefined> {
    const object = await this.app.store.get(r);
    return object && !object.deleted ? object.data : undefined;
  }

  /** Ends what runs, and begins again with what is stored. */
  async restart(): Promise<void> {
    await this.#cascades.close();
    this.#cascades = this.#make();
    await this.#cascades.start();
  }

  async close(): Promise<void> {
    await this.#cascades.close();
    await this.app.close();
  }

  async #created(collection: string): Promise<string[]> {
    const names = collection.split('/');
    const parents = names.slice(1).map(() => '*');
    const rs: string[] = [];
    for (let after = 0; ; ) {
      const page = await this.app.store.created({ names, parents }, after, 1000);
      rs.push(...page.entries.map(({ object }) => object.r));
      if (!page.more && page.entries.length < 1000) return rs;
      after = page.through;
    }
  }

  #make(): Cascades {
    const { services, bus } = this.app;
    const { metrics, deadLetters } = this;
    return new Cascades({ services, bus, log: this.#log, metrics, deadLetters });
  }
}
