import { isatty } from 'node:tty';

/** Turns the signals that ask a program to stop into promises. */
export interface StopSignals {
  /** Resolves at the first of the signals. */
  readonly requested: Promise<NodeJS.Signals>;
  /** Resolves at a second SIGINT: whoever sends it does not want to wait. */
  readonly insisted: Promise<void>;
}

/** Milliseconds between two looks at the terminal. */
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
 * From now on SIGHUP no longer ends the process by itself, and calls what is given to the function that is returned: at
 * once, where the signal came while the server was starting.
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
 * Resolves when the terminal that the program was started in is closed, also where no SIGHUP comes: to a program in the
 * background, say. Never resolves where it has no terminal.
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

/** What signals ask of a server. */
export interface ServerSignals {
  readonly signals: StopSignals;
  /** Says what SIGHUP does; where it stops the server, nothing. */
  readonly onHangup: (reload: () => void) => void;
}

/** Nobody's terminal is behind a server in production: SIGHUP asks for a reload. */
export function productionSignals(): ServerSignals {
  return { signals: catchStopSignals(), onHangup: catchHangups() };
}

/** `dev` belongs to the terminal that it was started in: when that is closed it must not go on, with the port and the data in use. */
export function developmentSignals(): ServerSignals {
  const signals = catchStopSignals(['SIGTERM', 'SIGINT', 'SIGHUP']);
  const closed = terminalClosed().then((): NodeJS.Signals => 'SIGHUP');
  const requested = Promise.race([signals.requested, closed]);
  return { signals: { ...signals, requested }, onHangup: () => {} };
}
