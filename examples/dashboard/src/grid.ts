import type { Machines } from './really.js';

interface Tile {
  readonly element: HTMLElement;
  readonly number: Text;
  machine?: Machines;
}

/** A tile for each machine. An object of a live list that did not change is the same JavaScript object, so its tile is left alone. */
export class Grid {
  readonly #parent: HTMLElement;
  readonly #tiles = new Map<string, Tile>();

  constructor(parent: HTMLElement) {
    this.#parent = parent;
  }

  /** Returns the machines whose tile was there and shows something else now. */
  draw(machines: readonly Machines[]): Machines[] {
    const redrawn = machines.filter((machine) => this.#drawTile(machine));
    if (this.#tiles.size > machines.length) this.#removeOthers(machines);
    if (this.#parent.childElementCount !== machines.length) this.arrange(machines);
    return redrawn;
  }

  /** Puts the tiles in this order. */
  arrange(machines: readonly Machines[]): void {
    const elements = machines.flatMap(({ _r }) => this.#tiles.get(_r)?.element ?? []);
    const { children } = this.#parent;
    const isSame =
      children.length === elements.length &&
      elements.every((element, n) => element === children[n]);
    if (!isSame) this.#parent.replaceChildren(...elements);
  }

  #drawTile(machine: Machines): boolean {
    const tile = this.#tiles.get(machine._r) ?? this.#add(machine);
    const before = tile.machine;
    if (before === machine) return false;
    tile.machine = machine;
    const load = String(Math.round(machine.load));
    if (tile.number.data !== load) {
      tile.number.data = load;
      tile.element.style.setProperty('--load', load);
      tile.element.classList.toggle('hot', machine.load >= 90);
    }
    return before !== undefined;
  }

  #add({ _r, name, site }: Machines): Tile {
    const element = document.createElement('li');
    const label = document.createElement('span');
    label.className = 'hidden';
    label.textContent = `${name} `;
    const number = document.createTextNode('');
    element.title = `${name}, ${site}`;
    element.append(label, number);
    const tile = { element, number };
    this.#tiles.set(_r, tile);
    return tile;
  }

  #removeOthers(machines: readonly Machines[]): void {
    const present = new Set<string>(machines.map(({ _r }) => _r));
    for (const r of this.#tiles.keys()) if (!present.has(r)) this.#tiles.delete(r);
  }
}
