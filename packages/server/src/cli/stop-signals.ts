/** Turns the signals that ask a program to stop into promises. */
export interface StopSignals {
  /** Resolves at the first SIGTERM or SIGINT. */
  readonly requested: Promise<NodeJS.Signals>;
  /** Resolves at a second SIGINT: whoever sends it does not want to wait. */
  readonly insisted: Promise<void>;
}

/** From now on SIGTERM and SIGINT no longer end the process by themselves. */
export function catchStopSignals(): StopSignals {
  let request: (signal: NodeJS.Signals) => void = () => {};
  let insist: () => void = () => {};
  const requested = new Promise<NodeJS.Signals>((resolve) => {
    request = resolve;
  });
  const insisted = new Promise<void>((resolve) => {
    insist = resolve;
  });
  let count = 0;
  const take = (signal: NodeJS.Signals) => {
    if (count > 0 && signal === 'SIGINT') insist();
    count += 1;
    request(signal);
  };
  process.on('SIGTERM', take);
  process.on('SIGINT', take);
  return { requested, insisted };
}
