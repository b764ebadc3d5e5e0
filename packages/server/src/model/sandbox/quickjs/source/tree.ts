import type { Node } from 'acorn';

export type Tree = Node & Readonly<Record<string, unknown>>;

/** The children of a node, by member, in source order. */
export function* childrenOf(node: Tree): Generator<readonly [string, Tree]> {
  for (const [key, value] of Object.entries(node)) {
    // In `{ a }` key and value are the same piece of text.
    if (key === 'key' && node.shorthand === true) continue;
    if (isTree(value)) yield [key, value];
    else if (Array.isArray(value)) for (const item of value) if (isTree(item)) yield [key, item];
  }
}

export function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value;
}

/** Walks a tree without recursion: an app's source may nest arbitrarily deep. */
export function* everyNode(root: Tree): Generator<Tree> {
  const waiting = [root];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    yield node;
    for (const [, child] of childrenOf(node)) waiting.push(child);
  }
}
