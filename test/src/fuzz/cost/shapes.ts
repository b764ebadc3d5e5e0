import type { RecipeShape } from './plan.js';
import { queryShapes } from './shapes-queries.js';
import { roomShapes } from './shapes-rooms.js';
import { transportShapes } from './shapes-transport.js';
import { writeShapes } from './shapes-writes.js';

/** All ways to cost much, by name. */
export const shapes: Readonly<Record<string, RecipeShape>> = {
  ...queryShapes,
  ...writeShapes,
  ...roomShapes,
  ...transportShapes,
};
