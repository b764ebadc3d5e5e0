import {
  type LimitDeclaration,
  type LimitKey,
  type Limits,
  limits,
  type Rates,
  rates,
} from '../../platform/limits.js';
import type { Metrics } from '../../platform/metrics.js';
import type { Values } from './config-keys.js';

/** The current limits. */
export const limitsOf = (values: Values): Limits => below('limits', limits, values);

/** The current rates. */
export const ratesOf = (values: Values): Rates => below('rate', rates, values);

function below<Prefix extends string, Name extends string>(
  prefix: Prefix,
  declared: Readonly<Record<Name, LimitDeclaration>>,
  values: Readonly<Record<`${Prefix}.${Name}`, number>>,
): Record<Name, number> {
  const names = Object.keys(declared) as Name[];
  const entries = names.map((name) => [name, values[`${prefix}.${name}`]] as const);
  return Object.fromEntries(entries) as Record<Name, number>;
}

/**
 * Exports the limits as metrics, so that an alert can compare a level with its limit: times in
 * seconds, sizes in bytes.
 */
export function exportLimits(values: Values, metrics: Metrics): void {
  const gauge = metrics.gauge(
    'really_limit',
    'The limits in force, by key: in seconds, in bytes, or as a count; 0 is off.',
    ['key'],
  );
  for (const [prefix, declared] of Object.entries({ limits, rate: rates })) {
    for (const [name, { unit }] of Object.entries<LimitDeclaration>(declared)) {
      const key = `${prefix}.${name}` as LimitKey;
      gauge.set(unit === 'duration' ? values[key] / 1000 : values[key], key);
    }
  }
}
