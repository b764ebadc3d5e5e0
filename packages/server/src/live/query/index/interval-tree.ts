/** An inclusive range; `undefined`: open end. */
export interface Interval<V> {
  readonly low: V | undefined;
  readonly high: V | undefined;
}

interface Node<T, V> extends Interval<V> {
  readonly entries: Set<T>;
  /** Heap order: a parent's priority is at least its children's, which balances the tree. */
  readonly priority: number;
  left: Node<T, V> | undefined;
  right: Node<T, V> | undefined;
  /** The greatest upper end in this subtree. */
  maxHigh: V | undefined;
}

type Tree<T, V> = Node<T, V> | undefined;

/**
 * An interval tree: a treap ordered by the lower ends, in which each node knows the greatest upper
 * end below it. Finds the ranges that contain a value without visiting most others; insertion and
 * deletion take logarithmic time.
 */
export class IntervalTree<T, V> {
  readonly #compare: (a: V, b: V) => number;
  #root: Tree<T, V>;
  #seed = 1;

  constructor(compare: (a: V, b: V) => number) {
    this.#compare = compare;
  }

  get isEmpty(): boolean {
    return this.#root === undefined;
  }

  add(entry: T, interval: Interval<V>): void {
    const known = this.#nodeOf(interval);
    if (known) {
      known.entries.add(entry);
      return;
    }
    const [before, after] = this.#split(this.#root, interval);
    this.#root = this.#join(this.#join(before, this.#node(entry, interval)), after);
  }

  delete(entry: T, interval: Interval<V>): void {
    const node = this.#nodeOf(interval);
    node?.entries.delete(entry);
    if (node?.entries.size === 0) this.#root = this.#without(this.#root, node);
  }

  /** Adds the entries of all ranges that contain the value. */
  find(value: V, found: Set<T>): void {
    this.#visit(this.#root, value, found);
  }

  #visit(node: Tree<T, V>, value: V, found: Set<T>): void {
    if (!node || !this.#reaches(node.maxHigh, value)) return;
    this.#visit(node.left, value, found);
    if (node.low !== undefined && this.#compare(node.low, value) > 0) return;
    if (this.#reaches(node.high, value)) for (const entry of node.entries) found.add(entry);
    this.#visit(node.right, value, found);
  }

  #reaches(high: V | undefined, value: V): boolean {
    return high === undefined || this.#compare(high, value) >= 0;
  }

  #node(entry: T, { low, high }: Interval<V>): Node<T, V> {
    const entries = new Set([entry]);
    const priority = this.#nextPriority();
    return { low, high, entries, priority, left: undefined, right: undefined, maxHigh: high };
  }

  /** Pseudo-random (xorshift); quality does not matter. */
  #nextPriority(): number {
    let x = this.#seed;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#seed = x;
    return x;
  }

  #nodeOf(interval: Interval<V>): Tree<T, V> {
    let node = this.#root;
    while (node) {
      const order = this.#order(interval, node);
      if (order === 0) return node;
      node = order < 0 ? node.left : node.right;
    }
    return undefined;
  }

  /** The nodes before and after an interval. */
  #split(tree: Tree<T, V>, interval: Interval<V>): [Tree<T, V>, Tree<T, V>] {
    if (!tree) return [undefined, undefined];
    if (this.#order(tree, interval) < 0) {
      const [before, after] = this.#split(tree.right, interval);
      tree.right = before;
      return [this.#updated(tree), after];
    }
    const [before, after] = this.#split(tree.left, interval);
    tree.left = after;
    return [before, this.#updated(tree)];
  }

  #without(tree: Tree<T, V>, node: Node<T, V>): Tree<T, V> {
    if (!tree) return undefined;
    if (tree === node) return this.#join(tree.left, tree.right);
    if (this.#order(node, tree) < 0) tree.left = this.#without(tree.left, node);
    else tree.right = this.#without(tree.right, node);
    return this.#updated(tree);
  }

  #join(before: Tree<T, V>, after: Tree<T, V>): Tree<T, V> {
    if (!before || !after) return before ?? after;
    if (before.priority > after.priority) {
      before.right = this.#join(before.right, after);
      return this.#updated(before);
    }
    after.left = this.#join(before, after.left);
    return this.#updated(after);
  }

  #updated(node: Node<T, V>): Node<T, V> {
    let { high: maxHigh } = node;
    for (const child of [node.left, node.right]) {
      if (maxHigh === undefined || !child) continue;
      const isHigher = child.maxHigh === undefined || this.#compare(child.maxHigh, maxHigh) > 0;
      if (isHigher) maxHigh = child.maxHigh;
    }
    node.maxHigh = maxHigh;
    return node;
  }

  /** By lower end, open first; then by upper end, open last. */
  #order(a: Interval<V>, b: Interval<V>): number {
    return this.#compareEnds(a.low, b.low, -1) || this.#compareEnds(a.high, b.high, 1);
  }

  #compareEnds(a: V | undefined, b: V | undefined, open: 1 | -1): number {
    if (a !== undefined && b !== undefined) return this.#compare(a, b);
    if (a === b) return 0;
    return a === undefined ? open : -open;
  }
}
