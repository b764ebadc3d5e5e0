import type { Cost, CostServer } from './cost-server.js';
import { freshSettings, mutated, type SeededRandom, seeded } from './dials.js';
import type { Recipe } from './plan.js';
import { shapes } from './shapes.js';

export interface PricedRecipe {
  readonly recipe: Recipe;
  readonly cost: Cost;
  /** See `priceOf`. */
  readonly price: number;
}

/** The same requests for the same seed, whatever they cost. */
export function recipesOf(seed: number, count: number): Recipe[] {
  const random = seeded(seed);
  return Array.from({ length: count }, () => ({
    shape: anyShape(random),
    settings: freshSettings(random),
  }));
}

function anyShape(random: SeededRandom): string {
  const names = Object.keys(shapes);
  return names[Math.floor(random() * names.length)] ?? 'read';
}

/** The best of each shape that are gone on from. */
const keptEach = 5;
/** Number of requests after which the data is restored. */
const renewedAfter = 250;
/** The smallest request counts as so many bytes, or noise would be dear. */
const leastBytes = 512;

/**
 * For each kilobyte that is sent: the milliseconds of processors, five times those that others had to wait, which are what
 * hurts, and 2 for each megabyte that stays.
 */
export function priceOf({ bytes, processor, stall, memory }: Cost): number {
  return ((processor + 5 * stall + (2 * memory) / 1e6) / Math.max(bytes, leastBytes)) * 1000;
}

/** Looks for the dearest requests: it tries any, and changes the best ones a little, the same for the same seed. */
export class CostClimb {
  readonly #server: CostServer;
  readonly #random: SeededRandom;
  readonly #best = new Map<string, PricedRecipe[]>();
  readonly complaints: { readonly recipe: Recipe; readonly complaint: string }[] = [];
  tried = 0;

  constructor(server: CostServer, seed: number) {
    this.#server = server;
    this.#random = seeded(seed);
  }

  /** One request more. What looks dear is measured twice again, and the least of it counts: noise is never less. */
  async step(): Promise<void> {
    if (this.tried > 0 && this.tried % renewedAfter === 0) await this.#server.renew();
    this.tried += 1;
    const recipe = this.#next();
    const found = await this.#measure(recipe);
    if (!found || found.price <= this.#worstKept(recipe.shape)) return;
    let least = found;
    for (let again = 0; again < 2; again++) {
      const other = await this.#measure(recipe);
      if (other && other.price < least.price) least = other;
    }
    this.#keep(least);
  }

  /** The dearest ones, of each shape two at most. */
  dearest(count: number): PricedRecipe[] {
    const all = [...this.#best.values()].flatMap((found) => found.slice(0, 2));
    return all.toSorted((a, b) => b.price - a.price).slice(0, count);
  }

  async #measure(recipe: Recipe): Promise<PricedRecipe | undefined> {
    const cost = await this.#server.costOf(recipe);
    if (!cost) return undefined;
    for (const complaint of cost.complaints) this.complaints.push({ recipe, complaint });
    return { recipe, cost, price: priceOf(cost) };
  }

  #next(): Recipe {
    const shape = anyShape(this.#random);
    const kept = this.#best.get(shape) ?? [];
    const parent = kept[Math.floor(this.#random() * kept.length)];
    if (!parent || this.#random() < 0.3) return { shape, settings: freshSettings(this.#random) };
    return { shape, settings: mutated(parent.recipe.settings, this.#random) };
  }

  #worstKept(shape: string): number {
    const kept = this.#best.get(shape) ?? [];
    return kept.length < keptEach ? 0 : (kept.at(-1)?.price ?? 0);
  }

  #keep(found: PricedRecipe): void {
    const kept = this.#best.get(found.recipe.shape) ?? [];
    const better = [...kept, found].toSorted((a, b) => b.price - a.price).slice(0, keptEach);
    this.#best.set(found.recipe.shape, better);
  }
}
