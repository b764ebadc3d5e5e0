import type { JsonObject } from '@really/protocol';
import { Type } from '@really/protocol/schema';
import type { CascadeStep } from '../model/deletion-effects.js';
import { fits, Whole } from '../platform/record-schema.js';

/** How far a cascade came that had to leave objects behind. Others begin at the front each time. */
export interface CascadeState {
  /** The step that it is in, or has ended with. */
  readonly step?: string | undefined;
  /** The place in that step; `undefined`: the step is over. */
  readonly after?: string | undefined;
  /** Objects left behind in this pass over all steps, and why the first of them was. */
  readonly stuck: number;
  readonly why?: string | undefined;
  /** Whether anything was done in this pass since the first object was left behind. */
  readonly moved: boolean;
}

export const fromTheFront: CascadeState = { stuck: 0, moved: false };

const schema = Type.Object({
  step: Type.Optional(Type.String()),
  after: Type.Optional(Type.String()),
  stuck: Whole(0),
  why: Type.Optional(Type.String()),
  moved: Type.Boolean(),
});

/** Of a stored entry. */
export function readState({ state }: JsonObject): CascadeState {
  return fits(schema, state) ? state : fromTheFront;
}

/** As it is stored: without what is undefined. */
export function storedState(state: CascadeState): JsonObject {
  return JSON.parse(JSON.stringify(state)) as JsonObject;
}

/** The steps that are left, and the place where each begins. The models may have changed meanwhile. */
export function stepsFrom(
  steps: readonly CascadeStep[],
  { step: at = '', after }: CascadeState,
): { step: CascadeStep; after: string | undefined }[] {
  return steps
    .filter(({ key }) => key > at || (key === at && after !== undefined))
    .map((step) => ({ step, after: step.key === at ? after : undefined }));
}
