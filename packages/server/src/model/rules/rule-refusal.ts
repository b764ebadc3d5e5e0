import { type ErrorMessage, type FieldErrors, fail, type ProtocolError } from '@really/protocol';
import type { Rule, RuleName } from '../model.js';

/** The cause of an error that rules refused with; never sent, and only in development. */
export class RuleRefusal {
  readonly rules: readonly RuleName[];

  constructor(rules: readonly RuleName[]) {
    this.rules = rules;
  }
}

/** The error in place of another one, with its cause. */
export function becauseOf<T>(error: T, original: unknown): T {
  if (error instanceof Error && original instanceof Error) error.cause = original.cause;
  return error;
}

/** The error for what these rules refuse. Its cause names them, if they have names (rule ACC12). */
export function refusedBy(
  rules: readonly Rule[],
  message: Extract<ErrorMessage, 'forbidden' | 'object.missing'> = 'forbidden',
  errors?: FieldErrors,
): ProtocolError {
  const error = fail(message, errors);
  const names = rules.flatMap(({ name }) => name ?? []);
  if (names.length > 0) error.cause = new RuleRefusal(names);
  return error;
}
