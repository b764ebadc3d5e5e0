import { defaultKeyLimits, type KeyLimits } from '../key.js';

/** Bounds that are judged when a request is parsed. */
export interface RequestLimits extends KeyLimits {
  /** Operations of one update. Each may walk a list of the greatest length, so there are fewer of them. */
  readonly ops: number;
}

export const defaultRequestLimits: RequestLimits = { ...defaultKeyLimits, ops: 1000 };
