import fc from 'fast-check';
import { expect, test } from 'vitest';
import { done, QueueBench, quiet } from './durable-queue.fixture.js';
import type { DurableQueueOptions, QueueStore } from './durable-queue.js';

const owners = ['a', 'b', 'c'];
const added = fc.record({
  owner: fc.constantFrom(...owners, 'a'),
  key: fc.integer({ min: 0, max: 12 }),
  times: fc.integer({ min: 1, max: 25 }),
});
const step = fc.oneof(
  { weight: 2, arbitrary: added },
  { weight: 3, arbitrary: fc.record({ ended: fc.integer({ min: 1, max: 30 }) }) },
);
const story = fc.record({
  steps: fc.array(step, { maxLength: 30 }),
  concurrency: fc.integer({ min: 1, max: 5 }),
  window: fc.integer({ min: 4, max: 40 }),
  /** Every entry whose number divides by it fails the first time. */
  failing: fc.integer({ min: 2, max: 9 }),
  earlier: fc.boolean(),
  /** Ticks until a page that was read arrives. */
  delay: fc.constantFrom(0, 0, 15, 50),
});
type Story = typeof story extends fc.Arbitrary<infer Value> ? Value : never;

const tick = () => new Promise((resolve) => setImmediate(resolve));

/** What was added, with the keys, and what was done, each in order. */
class Play {
  readonly bench = new QueueBench();
  readonly keys = new Map<string, string>();
  readonly ended: string[] = [];
  readonly #failed = new Set<string>();
  readonly #story: Story;

  constructor(story: Story) {
    this.#story = story;
  }

  async run(): Promise<void> {
    const { steps, earlier } = this.#story;
    if (!earlier) this.#start();
    for (const step of steps) {
      if ('ended' in step) for (let n = 0; n < step.ended; n++) await this.#endOne();
      else await this.#add(step.owner, step);
    }
    if (earlier) this.#start();
    for (let idle = 0; this.ended.length < this.keys.size && idle < 20; idle++) {
      await quiet();
      while (this.bench.working.length > 0) {
        idle = 0;
        await this.#endOne();
      }
      this.bench.platform.advance(10);
    }
    await this.bench.queue?.close();
  }

  /** Those of them with this key. */
  of(key: string, rs: Iterable<string>): string[] {
    return [...rs].filter((r) => this.keys.get(r) === key);
  }

  #start(): void {
    const { concurrency, window, delay } = this.#story;
    const { store } = this.bench;
    const slow: QueueStore = {
      count: (query) => store.count(query),
      async created(...asked) {
        const found = await store.created(...asked);
        for (let n = 0; n < delay; n++) await tick();
        return found;
      },
    };
    const options: Partial<DurableQueueOptions> = {
      ...{ concurrency, window },
      ownerOf: ({ data }) => String(data.group).slice(0, 1),
      orderingKey: ({ data }) => String(data.group).slice(1),
    };
    this.bench.start(options, slow);
  }

  async #add(owner: string, { key, times }: { key: number; times: number }): Promise<void> {
    const groups = Array.from({ length: times }, (_, n) => `${owner}${(key * n) % 7}`);
    const rs = await this.bench.add(...groups);
    for (const [n, r] of rs.entries()) this.keys.set(r, groups[n]?.slice(1) ?? '');
  }

  async #endOne(): Promise<void> {
    const [r] = this.bench.working;
    if (r === undefined) return;
    const fails = Number(r.split('/')[2]) % this.#story.failing === 0 && !this.#failed.has(r);
    if (fails) this.#failed.add(r);
    else this.ended.push(r);
    await this.bench.end(r, fails ? { kind: 'retry', after: 10 } : done);
  }
}

test('[POST1] [POST3] [POST13] whatever is held back, each entry is done once, those of a key in order', async () => {
  await fc.assert(
    fc.asyncProperty(story, async (given) => {
      const play = new Play(given);
      await play.run();
      const { keys, ended, bench } = play;
      expect(ended.toSorted()).toEqual([...keys.keys()].toSorted());
      for (const key of new Set(keys.values())) {
        expect(play.of(key, ended)).toEqual(play.of(key, keys.keys()));
      }
      expect(bench.queue?.pending).toBe(0);
    }),
    { numRuns: 60 },
  );
});
