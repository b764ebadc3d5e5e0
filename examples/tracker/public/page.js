// What the parts of the page share: elements, lists, and how to tell people what was refused.
export const $ = (id) => document.getElementById(id);

export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/**
 * Shows a live list in `parent`. An object that did not change is the same JavaScript object, so its element stays,
 * with focus and all. Returns what ends it.
 */
export function show(live, parent, render, choose = () => true) {
  const shown = new Map();
  const draw = () => {
    const items = (live.value ?? []).filter(choose);
    const elements = items.map((item) => {
      const known = shown.get(item._r);
      if (known?.item === item) return known.drawn;
      const drawn = render(item);
      shown.set(item._r, { item, drawn });
      return drawn;
    });
    for (const r of shown.keys()) {
      if (!items.some((item) => item._r === r)) shown.delete(r);
    }
    parent.replaceChildren(...elements);
  };
  draw();
  return live.subscribe(draw);
}

const words = {
  forbidden: 'You may not do that.',
  'credentials.invalid': 'That address and that password do not belong together.',
  'link.invalid': 'That link was used, or is too old.',
  'object.revision.outdated':
    'Somebody changed that at the same moment. Please look, and try again.',
  'rate.limited': 'That was too quick. Please wait a little.',
};

export function say(error) {
  const fields = Object.entries(error.errors ?? {}).map(([name, codes]) => `${name}: ${codes}`);
  $('said').textContent = words[error.message] ?? `${error.message} ${fields.join(', ')}`;
}
