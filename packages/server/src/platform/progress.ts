/**
 * Reports the progress of long work. Parts follow each other and do not overlap; each begun part
 * has to be ended, even if the work fails, or the terminal is left in disorder.
 */
export interface Progress {
  /** `total` may be an estimate, or left out if not known. */
  begin(part: ProgressPart): void;
  /** Counts further ones as done. Cheap enough to call for each. */
  advance(count: number): void;
  /** Ends the part, done or not. Does nothing without a part. */
  end(): void;
}

export interface ProgressPart {
  /** The activity in one word: `exporting`. */
  readonly doing: string;
  /** What is counted: `objects`. */
  readonly unit: string;
  readonly total?: number | undefined;
  /** Done in an earlier run. */
  readonly done?: number | undefined;
}

export const noProgress: Progress = { begin() {}, advance() {}, end() {} };
