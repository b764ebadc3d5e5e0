import type { InFlight } from '../../platform/scheduling/in-flight.js';

/** Works through the backlog of a topic, which has it until that is done. Never rejects. */
export async function runBacklog<Backlog>(
  inFlight: InFlight,
  topic: { backlog: Backlog | undefined },
  backlog: Backlog,
  steps: Omit<SerialSteps, 'onEnd'>,
): Promise<void> {
  topic.backlog = backlog;
  await runSteps(inFlight, {
    ...steps,
    onEnd: () => {
      topic.backlog = undefined;
    },
  });
}

export interface SerialSteps {
  /** The step in progress, if any. */
  readonly first: Promise<void> | undefined;
  /** Starts the next step; `undefined` when none is left. */
  readonly next: () => Promise<void> | undefined;
  readonly onError: (error: unknown) => void;
  readonly onEnd: () => void;
}

/**
 * Runs steps one after another, for what can be changed only in order. Nothing can be added between
 * its last call of `next` and that of `onEnd`. Never rejects.
 */
export async function runSteps(inFlight: InFlight, steps: SerialSteps): Promise<void> {
  inFlight.begin();
  let step = steps.first;
  for (let isDone = false; !isDone; ) {
    try {
      await step;
      step = steps.next();
      isDone = step === undefined;
    } catch (error) {
      step = undefined;
      steps.onError(error);
    }
  }
  steps.onEnd();
  inFlight.end();
}
