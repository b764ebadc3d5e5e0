/** Options of a command, as parsed by commander. */
export type ProgramOptions = Readonly<Record<string, unknown>>;
