/**
 * Who waits for long work is told how far it is. Parts follow each other and do not overlap; whoever
 * began one ends it, also where the work fails, or the terminal is left in disorder.
 */
export interface Progress {
  /** `total` may be an estimate, or left out where nobody knows. */
  begin(part: ProgressPart): void;
  /** So many more are done. Cheap: it may be called for each. */
  advance(count: number): void;
  /** The part is over, done or not. Without a part that was begun it does nothing. */
  end(): void;
}

export interface ProgressPart {
  /** What is being done, in one word: `exporting`. */
  readonly doing: string;
  /** What is counted: `objects`. */
  readonly unit: string;
  readonly total?: number | undefined;
  /** What was done in an earlier run. */
  readonly done?: number | undefined;
}

export const noProgress: Progress = { begin() {}, advance() {}, end() {} };
