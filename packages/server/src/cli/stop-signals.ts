import { isatty } from 'node:tty';

/** Turns stop signals into promises. */
export interface StopSignals {
  /** Resolves at the first of the signals. */
  readonly requested: Promise<NodeJS.Signals>;
  /** Resolves at a second SIGINT, which asks to end at once. */
  readonly insisted: Promise<void>;
}

/** Milliseconds between two checks of the terminal. */
const terminalCheck = 500;

/** From now on these signals no longer end the process by themselves. */
function catchStopSignals(signals: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT']): StopSignals {
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
  for (const signal of signals) process.on(signal, take);
  return { requested, insisted };
}

/**
 * From now on SIGHUP no longer ends the process. It calls the function that is passed to the returned one: at once if
 * the signal came while the server was starting.
 */
function catchHangups(): (reload: () => void) => void {
  let wanted = false;
  let reload = () => {
    wanted = true;
  };
  process.on('SIGHUP', () => reload());
  return (given) => {
    reload = given;
    if (wanted) given();
  };
}

/**
 * Resolves when the program's terminal is closed, even without a SIGHUP, for example to a background program. Never
 * resolves without a terminal.
 */
function terminalClosed(): Promise<void> {
  const terminals = [0, 1, 2].filter((descriptor) => isatty(descriptor));
  return new Promise((resolve) => {
    if (terminals.length === 0) return;
    const timer = setInterval(() => {
      if (terminals.every((descriptor) => isatty(descriptor))) return;
      clearInterval(timer);
      resolve();
    }, terminalCheck);
    timer.unref();
  });
}

/** The reactions of a server to signals. */
export interface ServerSignals {
  readonly signals: StopSignals;
  /** Sets what SIGHUP does; no effect if SIGHUP stops the server. */
  readonly onHangup: (reload: () => void) => void;
}

/** A server in production has no terminal: SIGHUP means reload. */
export function productionSignals(): ServerSignals {
  return { signals: catchStopSignals(), onHangup: catchHangups() };
}

/** `dev` belongs to its terminal: when that is closed it must not go on using the port and the data. */
export function developmentSignals(): ServerSignals {
  const signals = catchStopSignals(['SIGTERM', 'SIGINT', 'SIGHUP']);
  const closed = terminalClosed().then((): NodeJS.Signals => 'SIGHUP');
  const requested = Promise.race([signals.requested, closed]);
  return { signals: { ...signals, requested }, onHangup: () => {} };
}
