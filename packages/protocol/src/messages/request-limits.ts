import { defaultKeyLimits, type KeyLimits } from '../ops/key.js';

/** Limits that are checked when a request is parsed. */
export interface RequestLimits extends KeyLimits {
  /**
   * Operations of one update. Lower than for other lists, since each may scan a list of the maximum
   * length.
   */
  readonly ops?: number | undefined;
}

/** The default of `ops`. */
export const defaultOpsCount = 1000;

export const defaultRequestLimits: RequestLimits = defaultKeyLimits;
