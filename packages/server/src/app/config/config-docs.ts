import { environmentName, flagName, keys, type Setting, settings } from './config-keys.js';

/** The table of all keys in docs/configuration.md. */
export function configTable(): string {
  const rows = keys.map((key) => {
    const setting: Setting<unknown> = settings[key];
    const flag = setting.flag === undefined ? '' : `\`${flagName(key)} ${setting.flag}\``;
    const cells = [`\`${key}\``, `\`${environmentName(key)}\``, flag, shownDefault(setting)];
    return `| ${[...cells, setting.doc, setting.kind.expected].join(' | ')} |`;
  });
  const head = '| key | environment | flag | default | what it is | values |';
  return [head, '|---|---|---|---|---|---|', ...rows].join('\n');
}

/** The table of all limits in docs/limits.md. */
export function limitsTable(): string {
  const rows = keys
    .filter((key) => /^(limits|rate)\./.test(key))
    .map((key) => {
      const setting: Setting<unknown> = settings[key];
      return `| \`${key}\` | ${shownDefault(setting)} | ${setting.doc} |`;
    });
  return [
    '| key | default | what it limits, and what happens beyond |',
    '|---|---|---|',
    ...rows,
  ].join('\n');
}

function shownDefault({ fallback, kind }: Setting<unknown>): string {
  if (typeof fallback !== 'function') return kind.show(fallback);
  return `${kind.show(fallback('production'))}; in dev ${kind.show(fallback('development'))}`;
}
