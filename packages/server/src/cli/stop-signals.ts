import { isatty } from 'node:tty';

/** The reactions of a server to signals. */
export interface ServerSignals {
  /** Resolves at the first signal to stop. */
  readonly requested: Promise<NodeJS.Signals>;
  /** Resolves at a second SIGINT, which asks to end at once. */
  readonly insisted: Promise<void>;
  /** Sets what SIGHUP does; no effect if SIGHUP stops the server. */
  readonly onHangup: (reload: () => void) => void;
}

/** Milliseconds between two checks of the terminal. */
const terminalCheck = 500;

/** From now on these signals no longer end the process by themselves. */
function catchStopSignals(
  ...signals: readonly NodeJS.Signals[]
): Pick<ServerSignals, 'requested' | 'insisted'> {
  let isRequested = false;
  const insisted = new Promise<void>((resolve) => {
    process.on('SIGINT', () => {
      if (isRequested) resolve();
    });
  });
  const requested = new Promise<NodeJS.Signals>((resolve) => {
    for (const signal of signals) {
      process.on(signal, () => {
        isRequested = true;
        resolve(signal);
      });
    }
  });
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

/** A server in production has no terminal: SIGHUP means reload. */
export function productionSignals(): ServerSignals {
  return { ...catchStopSignals('SIGTERM', 'SIGINT'), onHangup: catchHangups() };
}

/** `dev` belongs to its terminal: when that is closed it must not go on using the port and the data. */
export function developmentSignals(): ServerSignals {
  const { requested, insisted } = catchStopSignals('SIGTERM', 'SIGINT', 'SIGHUP');
  const closed = terminalClosed().then((): NodeJS.Signals => 'SIGHUP');
  return { requested: Promise.race([requested, closed]), insisted, onHangup: () => {} };
}
