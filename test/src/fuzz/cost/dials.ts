/** Numbers from 0 to below 1 that say everything of a request: the same ones make the same request. */
export type Settings = readonly number[];

export type SeededRandom = () => number;

/** A generator of 32 bits (mulberry32): the same numbers for the same seed. */
export function seeded(seed: number): SeededRandom {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Reads settings one after the other, as choices. */
export class Dials {
  readonly #settings: Settings;
  #next = 0;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** One of these. */
  pick<T>(...choices: readonly [T, ...T[]]): T {
    return choices[Math.floor(this.#turn() * choices.length)] ?? choices[0];
  }

  /** A number from 1 to this, small ones as often as large ones. */
  size(most: number): number {
    return Math.min(most, Math.floor((most + 1) ** this.#turn()));
  }

  /** A number from 0 to below this. */
  below(bound: number): number {
    return Math.floor(this.#turn() * bound);
  }

  flag(): boolean {
    return this.#turn() < 0.5;
  }

  #turn(): number {
    const setting = this.#settings[this.#next % this.#settings.length] ?? 0;
    this.#next += 1;
    return setting;
  }
}

/** How many settings a request is made of: more than any needs. */
const settingsEach = 32;

export function freshSettings(random: SeededRandom): Settings {
  return Array.from({ length: settingsEach }, () => rounded(random()));
}

/** Some of them are turned: a little, to an end, or anywhere. */
export function mutated(settings: Settings, random: SeededRandom): Settings {
  const changed = [...settings];
  const turns = 1 + Math.floor(random() * 4);
  for (let turn = 0; turn < turns; turn++) {
    const index = Math.floor(random() * changed.length);
    changed[index] = rounded(turned(changed[index] ?? 0, random));
  }
  return changed;
}

function turned(value: number, random: SeededRandom): number {
  const how = random();
  if (how < 0.4) return Math.min(0.9999, Math.max(0, value + (random() - 0.5) * 0.3));
  if (how < 0.55) return 0.9999;
  return random();
}

/** So that they can be printed and given back. */
function rounded(value: number): number {
  return Math.min(0.9999, Math.round(value * 10_000) / 10_000);
}
