import { defaultKeyLimits, type KeyLimits } from '../ops/key.js';

/** Bounds that are judged when a request is parsed. */
export interface RequestLimits extends KeyLimits {
  /** Operations of one update. Each may walk a list of the greatest length, so there are fewer of them. */
  readonly ops?: number | undefined;
}

/** The most operations of one update, where the limits do not say. */
export const defaultOpsCount = 1000;

export const defaultRequestLimits: RequestLimits = defaultKeyLimits;
