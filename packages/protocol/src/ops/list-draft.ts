import type { JsonValue } from '../json/json.js';
import type { FieldOp } from './field-op.js';
import { elementsOf, type OpError, unwantedBy } from './op-result.js';
import type { UpdateWork } from './update-work.js';
import { ValueNumbers } from './value-numbers.js';

/** Stands for an element whose number is not known yet. No value has it. */
const unknown = 0;

/** Makes the list drafts of one update. */
export function listDrafts(work: UpdateWork): (list: JsonValue[]) => ListDraft {
  const values = new ValueNumbers(work);
  return (list) => new ListDraft(list, values, work);
}

/**
 * A list to which an update applies several operations: it is changed in place. From the first
 * comparison on, it keeps the number of each element's value, so that an operation looks up its own
 * values instead of scanning the content of the list again.
 */
export class ListDraft {
  readonly #list: JsonValue[];
  readonly #values: ValueNumbers;
  readonly #work: UpdateWork;
  /** The numbers of the elements, once they are needed. */
  #numbers: number[] | undefined;
  #unknown = 0;
  /** How many elements have a number. */
  readonly #counts = new Map<number, number>();

  constructor(list: JsonValue[], values: ValueNumbers, work: UpdateWork) {
    this.#list = list;
    this.#values = values;
    this.#work = work;
  }

  /** Something in this element changes. */
  change(index: number): void {
    const number = this.#numbers?.[index];
    if (number === undefined || number === unknown || this.#numbers === undefined) return;
    this.#count(number, -1);
    this.#numbers[index] = unknown;
    this.#unknown += 1;
  }

  /**
   * As `opResult` for a list, but in place; or returns why it does not fit and leaves the list
   * unchanged.
   */
  apply(op: FieldOp, longest: number): OpError | undefined {
    switch (op.op) {
      case 'push':
        return this.#push(elementsOf(op.value ?? null), longest);
      case 'addToSet':
        return this.#push(this.#missing(elementsOf(op.value ?? null)), longest);
      case 'pull':
        this.#pull(unwantedBy(op));
        return undefined;
      case 'insertAt':
        return this.#insert(op.opArgs?.index, op.value ?? null, longest);
      case 'removeAt':
        return this.#remove(op.opArgs?.index);
      default:
        return 'error.not.a.list';
    }
  }

  #push(values: readonly JsonValue[], longest: number): OpError | undefined {
    if (this.#isFull(values.length, longest)) return 'type.invalid';
    for (const value of values) {
      this.#list.push(value);
      this.#numbers?.push(unknown);
    }
    if (this.#numbers) this.#unknown += values.length;
    return undefined;
  }

  #insert(index: number | undefined, value: JsonValue, longest: number): OpError | undefined {
    if (!isIndex(index, this.#list.length)) return 'error.index.out.of.range';
    if (this.#isFull(1, longest)) return 'type.invalid';
    this.#work.passed(this.#list.length);
    this.#list.splice(index, 0, value);
    if (this.#numbers) {
      this.#numbers.splice(index, 0, unknown);
      this.#unknown += 1;
    }
    return undefined;
  }

  #remove(index: number | undefined): OpError | undefined {
    if (!isIndex(index, this.#list.length - 1)) return 'error.index.out.of.range';
    this.#work.passed(this.#list.length);
    this.#list.splice(index, 1);
    const [number] = this.#numbers?.splice(index, 1) ?? [];
    if (number === unknown) this.#unknown -= 1;
    else if (number !== undefined) this.#count(number, -1);
    return undefined;
  }

  /** The values that are not in the list, each once. */
  #missing(values: readonly JsonValue[]): JsonValue[] {
    this.#numberAll();
    const seen = new Set<number>();
    return values.filter((value) => {
      const number = this.#values.of(value);
      if (this.#counts.has(number) || seen.has(number)) return false;
      seen.add(number);
      return true;
    });
  }

  #pull(unwanted: readonly JsonValue[]): void {
    const numbers = this.#numberAll();
    const gone = new Set<number>();
    for (const value of unwanted) {
      const number = this.#values.of(value);
      if (this.#counts.delete(number)) gone.add(number);
    }
    if (gone.size === 0) return;
    this.#work.passed(this.#list.length);
    const [only] = gone.size === 1 ? gone : [];
    let kept = 0;
    for (let at = 0; at < numbers.length; at++) {
      const number = numbers[at] ?? unknown;
      if (only === undefined ? gone.has(number) : number === only) continue;
      numbers[kept] = number;
      this.#list[kept] = this.#list[at] ?? null;
      kept += 1;
    }
    numbers.length = kept;
    this.#list.length = kept;
  }

  #numberAll(): number[] {
    if (this.#numbers === undefined) {
      this.#numbers = this.#list.map(() => unknown);
      this.#unknown = this.#list.length;
    }
    const numbers = this.#numbers;
    if (this.#unknown === 0) return numbers;
    this.#work.passed(numbers.length);
    // New ones are mostly at the end.
    for (let at = numbers.length - 1; this.#unknown > 0; at--) {
      if (numbers[at] !== unknown) continue;
      const number = this.#values.of(this.#list[at] ?? null);
      numbers[at] = number;
      this.#count(number, 1);
      this.#unknown -= 1;
    }
    return numbers;
  }

  #count(number: number, by: number): void {
    const count = (this.#counts.get(number) ?? 0) + by;
    if (count === 0) this.#counts.delete(number);
    else this.#counts.set(number, count);
  }

  #isFull(added: number, longest: number): boolean {
    return added > 0 && this.#list.length + added > longest;
  }
}

function isIndex(index: number | undefined, highest: number): index is number {
  return index !== undefined && Number.isInteger(index) && index >= 0 && index <= highest;
}
